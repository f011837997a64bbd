//! How far it is between the regions of a cloud: medians of a day of round trips between regions
//! of AWS, as cloudping.co measured them and the simulator of jvm-libp2p has them as its sample.

/// How many regions the table has.
pub const COUNT: usize = 14;

/// What the regions are called.
pub const NAMES: [&str; COUNT] = [
    "us-east-1",
    "us-west-2",
    "ca-central-1",
    "sa-east-1",
    "eu-west-1",
    "eu-central-1",
    "eu-north-1",
    "me-south-1",
    "af-south-1",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-northeast-1",
    "ap-east-1",
];

/// Round trips in milliseconds, from each region (row) to each region (column).
const ROUND_TRIPS_MS: [[u64; COUNT]; COUNT] = [
    [4, 64, 15, 114, 70, 92, 111, 160, 232, 186, 211, 199, 146, 188],
    [63, 3, 60, 174, 119, 140, 156, 211, 274, 217, 161, 140, 97, 136],
    [14, 60, 2, 125, 70, 92, 107, 162, 225, 187, 210, 197, 143, 186],
    [113, 174, 125, 1, 177, 204, 215, 273, 343, 297, 322, 311, 256, 299],
    [69, 119, 70, 176, 1, 27, 42, 95, 158, 120, 181, 256, 201, 212],
    [91, 141, 92, 204, 26, 2, 22, 87, 162, 110, 158, 249, 223, 189],
    [112, 159, 108, 215, 41, 22, 2, 105, 179, 130, 178, 295, 243, 210],
    [160, 212, 163, 271, 96, 85, 105, 1, 147, 35, 87, 179, 162, 122],
    [231, 273, 224, 342, 158, 159, 176, 143, 3, 155, 201, 411, 353, 240],
    [185, 218, 186, 298, 120, 110, 131, 35, 162, 1, 54, 145, 126, 91],
    [213, 162, 209, 322, 182, 157, 177, 85, 205, 58, 4, 93, 69, 39],
    [198, 140, 198, 312, 256, 249, 294, 176, 412, 146, 93, 1, 109, 128],
    [146, 98, 144, 257, 201, 223, 243, 161, 358, 123, 68, 104, 4, 46],
    [188, 136, 186, 299, 211, 189, 211, 121, 241, 87, 36, 126, 46, 1],
];

/// One way, in microseconds: half of the round trip.
pub fn one_way_micros(from: usize, to: usize) -> u64 {
    ROUND_TRIPS_MS[from][to] * 500
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_take_about_as_long() {
        for (from, one) in NAMES.iter().enumerate() {
            for (to, other) in NAMES.iter().enumerate() {
                let (there, back) = (one_way_micros(from, to), one_way_micros(to, from));
                assert!(there.abs_diff(back) <= 5_000, "{one} {other}");
            }
        }
    }

    #[test]
    fn no_detour_is_far_shorter() {
        for (from, one) in NAMES.iter().enumerate() {
            for (to, other) in NAMES.iter().enumerate() {
                let direct = one_way_micros(from, to);
                let detour = |by: usize| one_way_micros(from, by) + one_way_micros(by, to);
                let shortest = (0..COUNT).map(detour).min().unwrap();
                assert!(direct <= shortest * 5 / 3, "{one} {other}");
            }
        }
    }
}
