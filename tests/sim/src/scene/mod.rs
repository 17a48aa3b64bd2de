//! The scene a camera draws itself: a yard with people and cars, a time code and a clock.

pub mod figures;
pub mod font;
pub mod picture;
pub mod yard;

use crate::timecode;
use figures::Look;
use heron_core::WallTime;
use picture::{Area, Colour, Picture};
use yard::{Light, Plan, ROAD_TOP, WALL_FOOT};

/// One yard, drawn frame by frame. Each frame restores what the last one drew over and draws what moves.
pub struct Scene {
    plan: Plan,
    background: Picture,
    picture: Picture,
    dirty: Vec<Area>,
    movers: Vec<Mover>,
    label: String,
}

/// Somebody or something that goes through the yard for ever.
struct Mover {
    car: bool,
    colour: Colour,
    /// Height of a person or length of a car, in plan units.
    size: i32,
    /// The line it goes along, in plan units from the top.
    lane: i32,
    /// Plan units a second; negative goes left.
    speed: i32,
    /// Where it was at the start of the epoch, in plan units.
    phase: i32,
}

/// Room at both sides of the picture in which a mover turns up and vanishes, in plan units.
const MARGIN: i64 = 360;

impl Scene {
    /// The yard of a camera. `camera` counts from 1 and picks light and layout; `label` is written in the picture.
    /// Sizes are rounded down to even numbers and must be at least 640 by 64.
    pub fn new(camera: usize, label: &str, width: usize, height: usize) -> Self {
        let light = match camera % 3 {
            1 => Light::Day,
            2 => Light::Dusk,
            _ => Light::Night,
        };
        let size = ((width & !1) as i32, (height & !1) as i32);
        let plan = Plan { size, light, mirrored: camera.is_multiple_of(2), seed: camera as u32 };
        let background = yard::paint(&plan);
        let movers = cast(&plan);
        Self {
            picture: background.clone(),
            background,
            plan,
            dirty: Vec::new(),
            movers,
            label: label.to_owned(),
        }
    }

    /// Draws the frame of an instant. `now` is the machine's time: it goes into the time code and places the
    /// figures. `shown` is the camera's own time: it goes into the readable clock.
    pub fn draw(&mut self, now: WallTime, shown: WallTime) -> &Picture {
        for area in self.dirty.drain(..) {
            self.picture.restore(&self.background, area);
        }
        let millis = now.as_millis();
        for mover in &self.movers {
            let area = mover.draw(&self.plan, &mut self.picture, millis);
            self.dirty.push(area);
        }
        self.write_clock(shown);
        timecode::write(&mut self.picture.y, self.picture.width, now);
        let (columns, rows) = (timecode::WIDTH / 2, timecode::BLOCK / 2);
        if self.picture.width >= timecode::WIDTH && self.picture.height >= timecode::BLOCK {
            let stride = self.picture.width / 2;
            for row in 0..rows {
                self.picture.u[row * stride..row * stride + columns].fill(128);
                self.picture.v[row * stride..row * stride + columns].fill(128);
            }
        }
        &self.picture
    }

    fn write_clock(&mut self, shown: WallTime) {
        let scale = (self.plan.size.1 / 240).max(1);
        let stamp = shown.to_string().replace('T', " ").replace('Z', " UTC");
        let text = format!("{}  {stamp}", self.label);
        let width = text.chars().count() as i32 * font::ADVANCE * scale;
        let (x, y, pad) = (scale * 6, timecode::BLOCK as i32 + scale * 4, scale * 2);
        let area = Area { x0: x - pad, y0: y - pad, x1: x + width + pad, y1: y + font::HEIGHT * scale + pad };
        let (w, h) = (area.x1 - area.x0, area.y1 - area.y0);
        self.picture.rect(area.x0, area.y0, w, h, Colour::rgb(18, 22, 26));
        font::write(&mut self.picture, x, y, scale, &text, Colour::rgb(244, 244, 236));
        self.dirty.push(area);
    }
}

/// Who goes through a yard: two or three people and two cars, the farthest first, all in front of the parked car.
fn cast(plan: &Plan) -> Vec<Mover> {
    let coats = [
        Colour::rgb(190, 52, 44),
        Colour::rgb(40, 86, 160),
        Colour::rgb(222, 186, 60),
        Colour::rgb(60, 110, 70),
        Colour::rgb(120, 70, 130),
        Colour::rgb(220, 220, 216),
    ];
    let coat = |salt| coats[plan.pick(salt, 6) as usize];
    let mut movers = vec![
        Mover { car: false, colour: coat(800), size: 146, lane: WALL_FOOT + 106, speed: 62, phase: 300 },
        Mover { car: false, colour: coat(801), size: 170, lane: WALL_FOOT + 146, speed: -84, phase: 900 },
        Mover { car: true, colour: coat(802), size: 300, lane: ROAD_TOP + 72, speed: -196, phase: 200 },
        Mover { car: false, colour: coat(803), size: 212, lane: ROAD_TOP + 6, speed: 92, phase: 1200 },
        Mover { car: true, colour: coat(804), size: 350, lane: ROAD_TOP + 150, speed: 236, phase: 1500 },
    ];
    for (i, m) in movers.iter_mut().enumerate() {
        m.phase += plan.pick(900 + i as u32, 1200) as i32;
        m.speed += plan.pick(920 + i as u32, 14) as i32 - 7;
    }
    if plan.pick(940, 2) == 0 {
        movers.remove(1);
    }
    movers
}

impl Mover {
    /// Draws it where it is at an instant; says what it drew over.
    fn draw(&self, plan: &Plan, p: &mut Picture, millis: i64) -> Area {
        let round = 1280 + 2 * MARGIN;
        let gone = millis * i64::from(self.speed) / 1000 + i64::from(self.phase);
        let x = (gone.rem_euclid(round) - MARGIN) as i32;
        let right = (self.speed > 0) != plan.mirrored;
        let (px, py) = (plan.x(x), plan.y(self.lane));
        let size = plan.len(self.size);
        let look = Look { colour: self.colour, light: plan.light, lamps: plan.light != Light::Day };
        if self.car {
            let angle = (millis.rem_euclid(6283) as f32 / 1000.0) * self.speed as f32 / 12.0;
            figures::car(p, (px, py), size, right, angle, &look);
            Area { x0: px - size, y0: py - size / 2, x1: px + size, y1: py + size / 8 }
        } else {
            let pace = self.speed.unsigned_abs() as f32 / self.size as f32;
            // One stride of both legs takes about 0.8 body heights.
            let stride = (millis.rem_euclid(1_000_000) as f32 / 1000.0) * pace * std::f32::consts::TAU / 0.8;
            figures::person(p, (px, py), size, right, stride, &look);
            Area { x0: px - size / 2, y0: py - size * 21 / 20, x1: px + size / 2, y1: py + size / 10 }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_is_the_same_as_one_drawn_afresh() {
        for camera in 1..=3 {
            let start = WallTime::from_millis(1_795_168_000_000);
            let mut scene = Scene::new(camera, "CAM", 640, 360);
            let mut fresh = Scene::new(camera, "CAM", 640, 360);
            for step in 0..40 {
                let now = start.plus_nanos(step * 367_000_000);
                let drawn = scene.draw(now, now).clone();
                fresh.picture = fresh.background.clone();
                fresh.dirty.clear();
                let fresh = fresh.draw(now, now);
                assert!(
                    drawn.y == fresh.y && drawn.u == fresh.u && drawn.v == fresh.v,
                    "camera {camera}, step {step}"
                );
            }
        }
    }

    #[test]
    fn the_frame_carries_its_time_code() {
        let now = WallTime::from_millis(1_795_168_123_456);
        let mut scene = Scene::new(1, "GATE", 1280, 720);
        let picture = scene.draw(now, now);
        let code = timecode::read(&picture.y, picture.width).unwrap();
        assert_eq!(timecode::resolve(code, now), now);
    }
}
