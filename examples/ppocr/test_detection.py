"""Boxes out of made-up probability maps."""

import unittest

import cv2
import numpy as np

from detection import MAX_LONG_SIDE, STRIDE, find_boxes, input_size, to_input


def _map(*rectangles: tuple[tuple[float, float], tuple[float, float], float]) -> np.ndarray:
    """A 200 x 300 probability map that is 0.9 within rotated rectangles (center, size, degrees)."""
    probability = np.zeros((200, 300), np.float32)
    for rectangle in rectangles:
        cv2.fillPoly(probability, [np.round(cv2.boxPoints(rectangle)).astype(np.int32)], 0.9)
    return probability


class BoxesTest(unittest.TestCase):
    def test_a_box_is_grown_and_scaled_to_the_picture(self) -> None:
        (box,) = find_boxes(_map(((150, 100), (80, 20), 0)), 600, 200)
        # 80 x 20 grows by 1.6 * 1600 / 200 on every side; the picture is twice as wide as the map.
        expected = [[194, 77.2], [406, 77.2], [406, 122.8], [194, 122.8]]
        np.testing.assert_allclose(box.corners, expected, atol=1)
        self.assertAlmostEqual(box.score, 0.9, places=5)

    def test_a_turned_box_keeps_its_turn(self) -> None:
        (box,) = find_boxes(_map(((150, 100), (100, 20), 30)), 300, 200)
        along = box.corners[1] - box.corners[0]
        self.assertAlmostEqual(np.degrees(np.arctan2(along[1], along[0])), 30, delta=1)

    def test_boxes_come_top_to_bottom(self) -> None:
        boxes = find_boxes(_map(((60, 150), (60, 14), 0), ((200, 40), (60, 14), 0)), 300, 200)
        self.assertEqual([round(float(box.corners[:, 1].mean())) for box in boxes], [40, 150])

    def test_a_region_with_a_hole_is_one_box(self) -> None:
        probability = _map(((150, 100), (80, 30), 0))
        probability[97:103, 140:150] = 0
        self.assertEqual(len(find_boxes(probability, 300, 200)), 1)

    def test_a_bent_line_is_found_whole(self) -> None:
        """Its own pixels are likely, those of the rectangle round it are not."""
        probability = np.zeros((200, 300), np.float32)
        x = np.arange(20, 280)
        bend = np.stack([x, 60 + 60 * ((x - 150) / 130) ** 2], axis=1).round().astype(np.int32)
        cv2.polylines(probability, [bend], False, 0.9, thickness=8)
        self.assertEqual(len(find_boxes(probability, 300, 200)), 1)

    def test_corners_stay_in_the_picture(self) -> None:
        (box,) = find_boxes(np.full((200, 300), 0.9, np.float32), 600, 400)
        self.assertGreaterEqual(box.corners.min(), 0)
        self.assertTrue((box.corners <= (599, 399)).all())

    def test_noise_is_no_box(self) -> None:
        thin = _map(((150, 100), (80, 1), 0))
        unlikely = _map(((150, 100), (80, 20), 0)) * np.float32(0.5)
        for probability in (np.zeros_like(thin), np.full_like(thin, np.nan), thin, unlikely):
            self.assertEqual(find_boxes(probability, 300, 200), [])


class InputTest(unittest.TestCase):
    def test_size(self) -> None:
        self.assertEqual(input_size(384, 191, 736), (1472, 736))
        self.assertEqual(input_size(384, 191, 192), (384, 192))
        self.assertEqual(input_size(5000, 10, 736), (MAX_LONG_SIDE, STRIDE))

    def test_range_and_channel_order(self) -> None:
        picture = np.zeros((40, 50, 3), np.uint8)
        picture[:, :, 0] = 255
        data = to_input(picture, (64, 32))
        self.assertEqual(data.shape, (1, 3, 32, 64))
        np.testing.assert_array_equal(data[0, :, 0, 0], [-1, -1, 1])


if __name__ == "__main__":
    unittest.main()
