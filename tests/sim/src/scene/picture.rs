//! A 4:2:0 picture and the few brushes the scene needs. Everything that is drawn per frame goes by whole rows
//! (`fill` and `copy_from_slice`), so that it is quick in a debug build too.

/// A colour in BT.709 limited range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour {
    /// Luma, 16 to 235.
    pub y: u8,
    /// Blue difference, 16 to 240.
    pub u: u8,
    /// Red difference, 16 to 240.
    pub v: u8,
}

impl Colour {
    /// From 8-bit RGB.
    pub const fn rgb(r: u8, g: u8, b: u8) -> Self {
        let (r, g, b) = (r as i32, g as i32, b as i32);
        Self {
            y: (16 + (47 * r + 157 * g + 16 * b + 128) / 256) as u8,
            u: (128 + (-26 * r - 87 * g + 112 * b + 128) / 256) as u8,
            v: (128 + (112 * r - 102 * g - 10 * b + 128) / 256) as u8,
        }
    }
    /// `self` with `part` 256ths of `other` mixed in.
    pub fn mix(self, other: Self, part: i32) -> Self {
        let part = part.clamp(0, 256);
        let mix = |a: u8, b: u8| ((i32::from(a) * (256 - part) + i32::from(b) * part) / 256) as u8;
        Self { y: mix(self.y, other.y), u: mix(self.u, other.u), v: mix(self.v, other.v) }
    }
}

/// An area of a picture in pixels, `x0 <= x < x1`, `y0 <= y < y1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// Left edge.
    pub x0: i32,
    /// Top edge.
    pub y0: i32,
    /// Right edge, outside.
    pub x1: i32,
    /// Bottom edge, outside.
    pub y1: i32,
}

/// A planar 4:2:0 picture; rows are as long as the picture is wide.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Width in pixels, even.
    pub width: usize,
    /// Height in pixels, even.
    pub height: usize,
    /// Luma plane.
    pub y: Vec<u8>,
    /// Blue difference plane, half the size both ways.
    pub u: Vec<u8>,
    /// Red difference plane, half the size both ways.
    pub v: Vec<u8>,
}

impl Picture {
    /// A black picture. Odd sizes are rounded down to even ones.
    pub fn new(width: usize, height: usize) -> Self {
        let (width, height) = (width & !1, height & !1);
        let chroma = width / 2 * (height / 2);
        Self { width, height, y: vec![16; width * height], u: vec![128; chroma], v: vec![128; chroma] }
    }

    /// Fills `x0 <= x < x1` of one row.
    pub fn span(&mut self, row: i32, x0: i32, x1: i32, colour: Colour) {
        let (Ok(row), width) = (usize::try_from(row), self.width as i32) else { return };
        let (x0, x1) = (x0.clamp(0, width) as usize, x1.clamp(0, width) as usize);
        if row >= self.height || x0 >= x1 {
            return;
        }
        let at = row * self.width;
        self.y[at + x0..at + x1].fill(colour.y);
        if row % 2 == 0 {
            let at = row / 2 * (self.width / 2);
            let (c0, c1) = (at + x0 / 2, at + x1.div_ceil(2));
            self.u[c0..c1].fill(colour.u);
            self.v[c0..c1].fill(colour.v);
        }
    }

    /// Fills a rectangle.
    pub fn rect(&mut self, x: i32, y: i32, width: i32, height: i32, colour: Colour) {
        for row in y.max(0)..(y + height).min(self.height as i32) {
            self.span(row, x, x + width, colour);
        }
    }

    /// Fills an ellipse around a centre.
    pub fn ellipse(&mut self, cx: i32, cy: i32, rx: i32, ry: i32, colour: Colour) {
        let (rx, ry) = (rx.max(1), ry.max(1));
        for row in (cy - ry).max(0)..=(cy + ry).min(self.height as i32 - 1) {
            let d = (row - cy) as f32 / ry as f32;
            let half = ((1.0 - d * d).max(0.0).sqrt() * rx as f32) as i32;
            self.span(row, cx - half, cx + half + 1, colour);
        }
    }

    /// Fills a polygon (even-odd rule). Corners are in pixels.
    pub fn polygon(&mut self, corners: &[(i32, i32)], colour: Colour) {
        let (Some(top), Some(bottom)) =
            (corners.iter().map(|c| c.1).min(), corners.iter().map(|c| c.1).max())
        else {
            return;
        };
        let mut crossings = [0i32; 16];
        for row in top.max(0)..bottom.min(self.height as i32) {
            let mut n = 0;
            for (i, &(ax, ay)) in corners.iter().enumerate() {
                let (bx, by) = corners[(i + 1) % corners.len()];
                if (ay <= row) != (by <= row) && n < crossings.len() {
                    crossings[n] = ax + (bx - ax) * (row - ay) / (by - ay);
                    n += 1;
                }
            }
            crossings[..n].sort_unstable();
            for pair in crossings[..n].chunks_exact(2) {
                self.span(row, pair[0], pair[1] + 1, colour);
            }
        }
    }

    /// Draws a thick line as a polygon.
    pub fn limb(&mut self, from: (i32, i32), to: (i32, i32), thickness: i32, colour: Colour) {
        let (dx, dy) = ((to.0 - from.0) as f32, (to.1 - from.1) as f32);
        let length = (dx * dx + dy * dy).sqrt().max(1.0);
        let half = thickness.max(1) as f32 / 2.0;
        let (ox, oy) = ((-dy / length * half).round() as i32, (dx / length * half).round() as i32);
        let corners = [
            (from.0 + ox, from.1 + oy),
            (to.0 + ox, to.1 + oy),
            (to.0 - ox, to.1 - oy),
            (from.0 - ox, from.1 - oy),
        ];
        self.polygon(&corners, colour);
    }

    /// Changes every pixel of an area by a function of its place. For the background only: it goes pixel by pixel.
    pub fn paint(&mut self, area: Area, mut f: impl FnMut(i32, i32, Colour) -> Colour) {
        let (w, h) = (self.width as i32, self.height as i32);
        for y in area.y0.max(0)..area.y1.min(h) {
            for x in area.x0.max(0)..area.x1.min(w) {
                let at = (y * w + x) as usize;
                let chroma = (y / 2 * (w / 2) + x / 2) as usize;
                let old = Colour { y: self.y[at], u: self.u[chroma], v: self.v[chroma] };
                let new = f(x, y, old);
                self.y[at] = new.y;
                if x % 2 == 0 && y % 2 == 0 {
                    self.u[chroma] = new.u;
                    self.v[chroma] = new.v;
                }
            }
        }
    }

    /// Copies an area from a picture of the same size.
    pub fn restore(&mut self, from: &Picture, area: Area) {
        let (w, h) = (self.width as i32, self.height as i32);
        let (x0, x1) = (area.x0.clamp(0, w) as usize & !1, (area.x1.clamp(0, w) as usize + 1) & !1);
        let (y0, y1) = (area.y0.clamp(0, h) as usize & !1, (area.y1.clamp(0, h) as usize + 1) & !1);
        if x0 >= x1 {
            return;
        }
        for row in y0..y1 {
            let at = row * self.width;
            self.y[at + x0..at + x1].copy_from_slice(&from.y[at + x0..at + x1]);
        }
        for row in y0 / 2..y1 / 2 {
            let at = row * (self.width / 2);
            let range = at + x0 / 2..at + x1 / 2;
            self.u[range.clone()].copy_from_slice(&from.u[range.clone()]);
            self.v[range.clone()].copy_from_slice(&from.v[range]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brushes_clip_at_every_edge() {
        let mut p = Picture::new(64, 32);
        let c = Colour::rgb(255, 255, 255);
        p.rect(-10, -10, 200, 200, c);
        assert!(p.y.iter().all(|&y| y == c.y));
        p.ellipse(-5, 40, 30, 30, Colour::rgb(0, 0, 0));
        p.polygon(&[(-10, -10), (100, -5), (30, 90)], Colour::rgb(0, 0, 0));
        p.limb((-5, -5), (70, 40), 9, c);
        assert_eq!(p.y.len(), 64 * 32);
    }

    #[test]
    fn white_and_black_are_the_ends_of_limited_range() {
        assert_eq!(Colour::rgb(0, 0, 0), Colour { y: 16, u: 128, v: 128 });
        assert_eq!(Colour::rgb(255, 255, 255).y, 235);
    }

    #[test]
    fn restore_brings_back_what_was_drawn_over() {
        let background = Picture::new(64, 32);
        let mut p = background.clone();
        p.rect(11, 7, 20, 9, Colour::rgb(200, 0, 0));
        p.restore(&background, Area { x0: 11, y0: 7, x1: 31, y1: 16 });
        assert_eq!((p.y, p.u, p.v), (background.y, background.u, background.v));
    }
}
