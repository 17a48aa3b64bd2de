//! What stands still in the yard: sky, houses, wall, gate, tree, lamp, a parked car, paving and the road. Painted
//! once per picture size; frames are drawn over a copy of it.

use super::figures::{self, Look};
use super::picture::{Area, Colour, Picture};

/// The light a camera sees by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Light {
    /// Noon.
    Day,
    /// Low sun.
    Dusk,
    /// A lamp and lit windows; the camera's picture is nearly without colour.
    Night,
}

impl Light {
    /// A colour of noon as it looks in this light.
    pub fn on(self, c: Colour) -> Colour {
        let scale = |v: u8, by: i32| ((i32::from(v) - 128) * by / 256 + 128) as u8;
        let luma = |by: i32, floor: i32| (16 + floor + (i32::from(c.y) - 16) * by / 256) as u8;
        match self {
            Self::Day => c,
            Self::Dusk => {
                let c = Colour { y: luma(190, 2), u: scale(c.u, 230), v: scale(c.v, 240) };
                c.mix(Colour::rgb(200, 110, 70), 40)
            }
            Self::Night => {
                let c = Colour { y: luma(84, 6), u: scale(c.u, 90), v: scale(c.v, 70) };
                c.mix(Colour::rgb(24, 34, 66), 90)
            }
        }
    }
}

/// Where things are, in units of a 1280 by 720 picture.
pub struct Plan {
    /// Width and height of the picture in pixels.
    pub size: (i32, i32),
    /// The light.
    pub light: Light,
    /// Whether left and right are swapped.
    pub mirrored: bool,
    /// A number that tells one yard from another.
    pub seed: u32,
}

/// Foot of the wall.
pub const WALL_FOOT: i32 = 372;
/// Upper edge of the road.
pub const ROAD_TOP: i32 = 560;

const WALL_TOP: i32 = 236;
const GATE: (i32, i32) = (820, 1010);

impl Plan {
    /// A horizontal place in pixels.
    pub fn x(&self, x: i32) -> i32 {
        let x = if self.mirrored { 1280 - x } else { x };
        x * self.size.0 / 1280
    }
    /// A vertical place in pixels.
    pub fn y(&self, y: i32) -> i32 {
        y * self.size.1 / 720
    }
    /// A length in pixels, at least one.
    pub fn len(&self, l: i32) -> i32 {
        (l * self.size.1 / 720).max(1)
    }
    /// A rectangle given by its corners in plan units, in pixels: left, top, width, height.
    fn corners(&self, x0: i32, y0: i32, x1: i32, y1: i32) -> (i32, i32, i32, i32) {
        let (a, b) = (self.x(x0), self.x(x1));
        let (top, bottom) = (self.y(y0), self.y(y1));
        (a.min(b), top, (a - b).abs().max(1), (bottom - top).max(1))
    }
    fn block(&self, p: &mut Picture, x0: i32, y0: i32, x1: i32, y1: i32, colour: Colour) {
        let (x, y, w, h) = self.corners(x0, y0, x1, y1);
        p.rect(x, y, w, h, self.light.on(colour));
    }
    /// A pseudo-random number of this yard.
    pub fn pick(&self, salt: u32, among: u32) -> u32 {
        grain(self.seed as i32, salt as i32) % among.max(1)
    }
}

/// A hash of a place, for texture.
fn grain(x: i32, y: i32) -> u32 {
    let mut h = (x as u32).wrapping_mul(0x9e37_79b1) ^ (y as u32).wrapping_mul(0x85eb_ca77);
    h ^= h >> 15;
    h = h.wrapping_mul(0x2c1b_3c6d);
    h ^ (h >> 13)
}

/// Paints the yard.
pub fn paint(plan: &Plan) -> Picture {
    let mut p = Picture::new(plan.size.0 as usize, plan.size.1 as usize);
    sky(plan, &mut p);
    houses(plan, &mut p);
    wall(plan, &mut p);
    gate(plan, &mut p);
    ground(plan, &mut p);
    tree(plan, &mut p, 214, 420);
    let paint_work = [
        Colour::rgb(176, 42, 38),
        Colour::rgb(38, 74, 140),
        Colour::rgb(214, 214, 210),
        Colour::rgb(52, 92, 70),
    ];
    let look = Look { colour: paint_work[plan.pick(1, 4) as usize], light: plan.light, lamps: false };
    figures::car(&mut p, (plan.x(520), plan.y(468)), plan.len(270), !plan.mirrored, 0.3, &look);
    lamp(plan, &mut p);
    p
}

fn sky(plan: &Plan, p: &mut Picture) {
    let (top, low) = match plan.light {
        Light::Day => (Colour::rgb(88, 150, 220), Colour::rgb(206, 226, 242)),
        Light::Dusk => (Colour::rgb(70, 84, 136), Colour::rgb(244, 170, 112)),
        Light::Night => (Colour::rgb(6, 9, 20), Colour::rgb(24, 30, 52)),
    };
    let horizon = plan.y(WALL_FOOT);
    let full = Area { x0: 0, y0: 0, x1: plan.size.0, y1: horizon };
    p.paint(full, |x, y, _| {
        let mut c = top.mix(low, y * 256 / horizon.max(1));
        // A little dither keeps the gradient from banding.
        c.y = c.y.saturating_add((grain(x, y) & 1) as u8);
        c
    });
    match plan.light {
        Light::Night => {
            for i in 0..70 {
                let (x, y) = (plan.pick(100 + i, 1280) as i32, 24 + plan.pick(200 + i, 190) as i32);
                let y = plan.y(y);
                p.rect(plan.x(x), y, 1, 1, Colour { y: 90 + plan.pick(300 + i, 100) as u8, u: 128, v: 128 });
            }
            p.ellipse(plan.x(1090), plan.y(92), plan.len(26), plan.len(26), Colour::rgb(232, 232, 214));
            p.ellipse(plan.x(1101), plan.y(86), plan.len(22), plan.len(22), Colour::rgb(12, 16, 30));
        }
        light => {
            let cloud =
                if light == Light::Day { Colour::rgb(248, 250, 252) } else { Colour::rgb(226, 150, 128) };
            for i in 0..5u32 {
                let (cx, cy) = (plan.pick(10 + i, 1280) as i32, 56 + plan.pick(20 + i, 90) as i32);
                for puff in 0..7i32 {
                    let (dx, r) = (puff * 26 - 78, 12 + plan.pick(30 + i * 7 + puff as u32, 15) as i32);
                    soft_ellipse(p, plan.x(cx + dx), plan.y(cy - r / 3), plan.len(r * 2), plan.len(r), cloud);
                }
            }
            if light == Light::Dusk {
                soft_ellipse(
                    p,
                    plan.x(1000),
                    plan.y(226),
                    plan.len(120),
                    plan.len(90),
                    Colour::rgb(255, 214, 150),
                );
                p.ellipse(plan.x(1000), plan.y(226), plan.len(30), plan.len(30), Colour::rgb(255, 236, 190));
            }
        }
    }
}

/// An ellipse that fades out towards its edge.
fn soft_ellipse(p: &mut Picture, cx: i32, cy: i32, rx: i32, ry: i32, colour: Colour) {
    let (fx, fy) = (1.0 / rx.max(1) as f32, 1.0 / ry.max(1) as f32);
    p.paint(Area { x0: cx - rx, y0: cy - ry, x1: cx + rx, y1: cy + ry }, |x, y, old| {
        let (dx, dy) = ((x - cx) as f32 * fx, (y - cy) as f32 * fy);
        old.mix(colour, ((1.0 - dx * dx - dy * dy).max(0.0) * 200.0) as i32)
    });
}

fn houses(plan: &Plan, p: &mut Picture) {
    let lit = Colour::rgb(255, 206, 120);
    for i in 0..6 {
        let left = i * 226 - 40 + plan.pick(40 + i as u32, 50) as i32;
        let (right, top) =
            (left + 150 + plan.pick(50 + i as u32, 50) as i32, 176 - plan.pick(60 + i as u32, 56) as i32);
        let shade = 128 + plan.pick(70 + i as u32, 50) as u8;
        let face = Colour::rgb(shade, shade.saturating_sub(8), shade.saturating_sub(20));
        plan.block(p, left, top, right, WALL_FOOT, face);
        let roof = [
            (plan.x(left - 10), plan.y(top)),
            (plan.x((left + right) / 2), plan.y(top - 44)),
            (plan.x(right + 10), plan.y(top)),
        ];
        p.polygon(&roof, plan.light.on(Colour::rgb(122, 70, 58)));
        for (n, wx) in (left + 20..right - 30).step_by(46).enumerate() {
            let dark = plan.light == Light::Day || plan.pick(80 + i as u32 * 8 + n as u32, 3) == 0;
            let (x, y, w, h) = plan.corners(wx, top + 18, wx + 24, top + 48);
            p.rect(x, y, w, h, if dark { plan.light.on(Colour::rgb(66, 84, 104)) } else { lit });
        }
    }
}

fn wall(plan: &Plan, p: &mut Picture) {
    let brick = [Colour::rgb(168, 108, 84), Colour::rgb(156, 128, 100), Colour::rgb(150, 150, 146)]
        [plan.pick(2, 3) as usize];
    let (course, length) = (plan.len(14), plan.len(40).max(3));
    let area = Area { x0: 0, y0: plan.y(WALL_TOP), x1: plan.size.0, y1: plan.y(WALL_FOOT) };
    let light = plan.light;
    p.paint(area, |x, y, _| {
        let row = (y - area.y0) / course;
        let shifted = x + row % 2 * length / 2;
        let joint = (y - area.y0) % course == 0 || shifted % length == 0;
        let tone = (grain(shifted / length, row) % 22) as i32 - 11 + (grain(x, y) % 5) as i32 - 2;
        let mut c = if joint { Colour::rgb(132, 122, 112) } else { brick };
        c.y = (i32::from(c.y) + tone).clamp(16, 235) as u8;
        light.on(c)
    });
    plan.block(p, 0, WALL_TOP - 10, 1280, WALL_TOP + 4, Colour::rgb(186, 182, 174));
}

fn gate(plan: &Plan, p: &mut Picture) {
    let (left, right) = GATE;
    plan.block(p, left, WALL_TOP - 4, right, WALL_FOOT, Colour::rgb(120, 134, 128));
    plan.block(p, left, WALL_FOOT - 60, right, WALL_FOOT, Colour::rgb(104, 116, 96));
    for bar in (left..=right).step_by(19) {
        plan.block(p, bar, WALL_TOP - 26, bar + 5, WALL_FOOT, Colour::rgb(36, 40, 44));
    }
    for y in [WALL_TOP - 6, WALL_FOOT - 70, WALL_FOOT - 14] {
        plan.block(p, left, y, right, y + 7, Colour::rgb(36, 40, 44));
    }
    for post in [left - 34, right] {
        plan.block(p, post, WALL_TOP - 34, post + 34, WALL_FOOT + 4, Colour::rgb(176, 170, 160));
        plan.block(p, post - 6, WALL_TOP - 42, post + 40, WALL_TOP - 32, Colour::rgb(148, 142, 134));
    }
}

fn ground(plan: &Plan, p: &mut Picture) {
    let (light, foot, road) = (plan.light, plan.y(WALL_FOOT), plan.y(ROAD_TOP));
    let full = Area { x0: 0, y0: foot, x1: plan.size.0, y1: plan.size.1 };
    let (middle, deep) = (plan.size.0 / 2, (plan.size.1 - foot).max(1));
    p.paint(full, |x, y, _| {
        let depth = y - foot;
        let noise = (grain(x, y) % 9) as i32 - 4;
        let mut c = if y < road {
            // Paving whose joints meet at a vanishing point.
            let across = (x - middle) * 256 / (96 + depth * 160 / deep);
            let along = 26_000 / (depth * 720 / plan.size.1.max(1) + 70);
            let joint = across.rem_euclid(50) < 2 || along % 22 == 0;
            let stone = 150 + (grain(across.div_euclid(50), along / 22) % 18) as i32;
            let tone = if joint { 124 } else { stone };
            Colour::rgb(tone as u8, (tone - 5) as u8, (tone - 16) as u8)
        } else if y < road + plan_edge(plan) {
            Colour::rgb(190, 186, 178)
        } else {
            Colour::rgb(84, 86, 90)
        };
        c.y = (i32::from(c.y) + noise).clamp(16, 235) as u8;
        light.on(c)
    });
    for x in (20..1280).step_by(160) {
        let (y0, y1) = (plan.y(644), plan.y(652));
        let corners = [(plan.x(x), y0), (plan.x(x + 84), y0), (plan.x(x + 78), y1), (plan.x(x - 6), y1)];
        p.polygon(&corners, light.on(Colour::rgb(214, 210, 196)));
    }
}

/// Height of the kerb in pixels.
fn plan_edge(plan: &Plan) -> i32 {
    plan.len(8)
}

fn tree(plan: &Plan, p: &mut Picture, x: i32, foot: i32) {
    let light = plan.light;
    let shadow = Area {
        x0: plan.x(x) - plan.len(110),
        y0: plan.y(foot) - plan.len(14),
        x1: plan.x(x) + plan.len(110),
        y1: plan.y(foot) + plan.len(22),
    };
    let (cx, cy) = ((shadow.x0 + shadow.x1) / 2, (shadow.y0 + shadow.y1) / 2);
    p.paint(shadow, |px, py, old| {
        let dx = (px - cx) as f32 / (shadow.x1 - cx).max(1) as f32;
        let dy = (py - cy) as f32 / (shadow.y1 - cy).max(1) as f32;
        old.mix(Colour { y: 16, u: 128, v: 128 }, ((1.0 - dx * dx - dy * dy).max(0.0) * 110.0) as i32)
    });
    let trunk = [
        (plan.x(x - 16), plan.y(foot)),
        (plan.x(x - 9), plan.y(foot - 170)),
        (plan.x(x + 9), plan.y(foot - 170)),
        (plan.x(x + 18), plan.y(foot)),
    ];
    p.polygon(&trunk, light.on(Colour::rgb(92, 68, 48)));
    for i in 0..46u32 {
        let (angle, far) = (plan.pick(400 + i, 628) as f32 / 100.0, plan.pick(500 + i, 100) as f32 / 100.0);
        let dx = (angle.cos() * far.sqrt() * 96.0) as i32;
        let dy = (angle.sin() * far.sqrt() * 84.0) as i32;
        let r = 20 + plan.pick(600 + i, 20) as i32;
        let tone = (100 - dy / 2 + plan.pick(700 + i, 30) as i32).clamp(0, 255) as u8;
        let leaf = Colour::rgb(tone / 2, tone, tone / 3);
        p.ellipse(plan.x(x + dx), plan.y(foot - 236 + dy), plan.len(r), plan.len(r * 4 / 5), light.on(leaf));
    }
}

fn lamp(plan: &Plan, p: &mut Picture) {
    let (x, top) = (708, 120);
    plan.block(p, x - 4, top, x + 4, WALL_FOOT + 30, Colour::rgb(60, 64, 70));
    plan.block(p, x - 4, top - 6, x + 60, top + 2, Colour::rgb(60, 64, 70));
    plan.block(p, x + 40, top + 2, x + 78, top + 12, Colour::rgb(210, 206, 190));
    if plan.light == Light::Day {
        return;
    }
    let glow = Colour::rgb(255, 226, 160);
    let (cx, cy) = (plan.x(x + 58), plan.y(top + 10));
    soft_ellipse(p, cx, cy, plan.len(60), plan.len(44), glow);
    let strength = if plan.light == Light::Night { 150.0 } else { 50.0 };
    let (bottom, spread) = (plan.y(560), plan.len(330));
    p.paint(Area { x0: cx - spread, y0: cy, x1: cx + spread, y1: bottom }, |x, y, old| {
        let down = (y - cy) as f32 / (bottom - cy).max(1) as f32;
        let side = (x - cx) as f32 / (spread as f32 * down).max(1.0);
        let part = (1.0 - side * side).max(0.0) * (1.0 - down * 0.75) * strength;
        // Light makes things brighter in proportion to what they are, and a little warmer.
        let bright = (i32::from(old.y) + (i32::from(old.y) - 8) * part as i32 / 90).clamp(16, 225) as u8;
        Colour { y: bright, ..old }.mix(glow, part as i32 / 5)
    });
}
