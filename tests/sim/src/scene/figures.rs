//! What moves in the yard: people and cars.

use super::picture::{Colour, Picture};
use super::yard::Light;

/// How a figure looks.
pub struct Look {
    /// Coat or paint, by day.
    pub colour: Colour,
    /// The light it is seen by.
    pub light: Light,
    /// Whether its lamps are on (cars).
    pub lamps: bool,
}

/// Draws a walking person. `foot` is the ground point between the feet, `height` the person's height, both in
/// pixels; `stride` is the phase of the walk in radians.
pub fn person(p: &mut Picture, foot: (i32, i32), height: i32, right: bool, stride: f32, look: &Look) {
    let unit = |n: i32| (n * height / 100).max(1);
    let on = |r, g, b| look.light.on(Colour::rgb(r, g, b));
    let facing = if right { 1 } else { -1 };
    let (x, y) = foot;
    let swing = (stride.sin() * 15.0) as i32;
    let bob = unit(1) - (stride.cos().abs() * unit(2) as f32) as i32;
    let (hip, shoulder) = (y - unit(48) + bob, y - unit(80) + bob);
    let coat = look.light.on(look.colour);
    let dark_coat = coat.mix(Colour { y: 16, u: 128, v: 128 }, 70);

    p.ellipse(x, y + unit(1), unit(20), unit(4), on(70, 68, 64).mix(Colour { y: 16, u: 128, v: 128 }, 60));
    for (side, cloth) in [(-1, on(36, 40, 52)), (1, on(48, 54, 70))] {
        let reach = unit(1) * side * swing * facing;
        let knee = (x + reach / 2 + unit(2) * facing, (hip + y) / 2);
        p.limb((x, hip), knee, unit(11), cloth);
        let ankle = (x + reach, y - unit(3));
        p.limb(knee, ankle, unit(9), cloth);
        p.limb(
            (ankle.0 - unit(3), y - unit(2)),
            (ankle.0 + unit(7) * facing, y - unit(2)),
            unit(5),
            on(28, 26, 26),
        );
    }
    let far_hand = (x - unit(1) * swing * facing * 2 / 3, hip - unit(1));
    p.limb((x, shoulder + unit(4)), far_hand, unit(7), dark_coat);
    p.ellipse(x, shoulder + unit(5), unit(11), unit(7), coat);
    p.rect(x - unit(11), shoulder + unit(5), unit(22), unit(24), coat);
    p.ellipse(x, hip - unit(2), unit(11), unit(6), coat);
    p.limb((x, shoulder), (x, shoulder - unit(6)), unit(7), on(206, 160, 130));
    let near_hand = (x + unit(1) * swing * facing * 2 / 3, hip - unit(1));
    p.limb((x, shoulder + unit(4)), near_hand, unit(7), dark_coat);
    p.ellipse(near_hand.0, near_hand.1, unit(3), unit(3), on(206, 160, 130));
    let head = y - unit(91) + bob;
    p.ellipse(x, head, unit(7), unit(9), on(214, 170, 140));
    p.ellipse(x - unit(2) * facing, head - unit(4), unit(7), unit(6), on(58, 42, 32));
}

/// Draws a car from the side. `wheel` is the ground point under its middle, `length` its length in pixels, `turn`
/// the angle of the wheels in radians.
pub fn car(p: &mut Picture, wheel: (i32, i32), length: i32, right: bool, turn: f32, look: &Look) {
    let (cx, y) = wheel;
    let facing = if right { 1 } else { -1 };
    let at = |n: i32| cx + facing * n * length / 200;
    let up = |n: i32| y - n * length / 200;
    let size = |n: i32| (n * length / 200).max(1);
    let on = |r, g, b| look.light.on(Colour::rgb(r, g, b));
    let paint = look.light.on(look.colour);
    let dark = paint.mix(Colour { y: 16, u: 128, v: 128 }, 80);
    let light = paint.mix(Colour { y: 235, u: 128, v: 128 }, 50);

    p.ellipse(cx, up(1), size(104), size(6), on(52, 50, 48).mix(Colour { y: 16, u: 128, v: 128 }, 110));
    let cabin = [(at(-62), up(38)), (at(-44), up(62)), (at(18), up(62)), (at(52), up(38))];
    p.polygon(&cabin, paint);
    p.polygon(&[(at(-54), up(39)), (at(-40), up(58)), (at(-14), up(58)), (at(-14), up(39))], on(62, 82, 96));
    p.polygon(&[(at(-9), up(39)), (at(-9), up(58)), (at(15), up(58)), (at(40), up(39))], on(70, 92, 108));
    let body = [
        (at(-98), up(14)),
        (at(-98), up(32)),
        (at(-88), up(41)),
        (at(58), up(40)),
        (at(90), up(34)),
        (at(99), up(24)),
        (at(99), up(12)),
    ];
    p.polygon(&body, paint);
    p.polygon(&[(at(-96), up(34)), (at(-90), up(38)), (at(60), up(37)), (at(80), up(33))], light);
    p.polygon(&[(at(-98), up(10)), (at(-98), up(17)), (at(99), up(15)), (at(99), up(9))], dark);
    for x in [-12, 44] {
        p.limb((at(x), up(38)), (at(x), up(14)), size(1), dark);
    }
    for hub in [-58, 60] {
        p.ellipse(at(hub), up(14), size(19), size(19), dark);
        p.ellipse(at(hub), up(14), size(16), size(16), on(26, 26, 28));
        p.ellipse(at(hub), up(14), size(9), size(9), on(150, 152, 156));
        let (dx, dy) = ((turn.cos() * size(8) as f32) as i32, (turn.sin() * size(8) as f32) as i32);
        p.limb((at(hub) - dx, up(14) - dy), (at(hub) + dx, up(14) + dy), size(3), on(80, 82, 86));
    }
    let (front, rear) = if look.lamps {
        (Colour::rgb(255, 250, 220), Colour::rgb(255, 40, 30))
    } else {
        (on(224, 224, 210), on(150, 24, 22))
    };
    p.ellipse(at(93), up(28), size(6), size(4), front);
    p.ellipse(at(-95), up(31), size(4), size(5), rear);
    if look.lamps {
        p.polygon(
            &[(at(99), up(29)), (at(160), up(22)), (at(160), up(2)), (at(99), up(25))],
            front.mix(on(84, 86, 90), 200),
        );
    }
}
