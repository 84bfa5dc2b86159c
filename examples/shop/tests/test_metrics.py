"""What Prometheus reads."""

import unittest

from shop.metrics import Metrics


class Exposition(unittest.TestCase):
    def test_requests_are_counted_by_path_and_status(self):
        metrics = Metrics("v9")
        metrics.observe("/", 200, 0.002)
        metrics.observe("/", 200, 0.002)
        metrics.observe("/", 500, 0.002)
        text = metrics.render()
        self.assertIn('shop_requests_total{path="/",status="200"} 2', text)
        self.assertIn('shop_requests_total{path="/",status="500"} 1', text)
        self.assertIn('shop_build_info{version="v9"} 1', text)

    def test_buckets_are_cumulative(self):
        metrics = Metrics("v9")
        for seconds in (0.0005, 0.004, 7):
            metrics.observe("/", 200, seconds)
        text = metrics.render()
        self.assertIn('shop_request_duration_seconds_bucket{path="/",le="0.001"} 1', text)
        self.assertIn('shop_request_duration_seconds_bucket{path="/",le="0.005"} 2', text)
        self.assertIn('shop_request_duration_seconds_bucket{path="/",le="1.0"} 2', text)
        self.assertIn('shop_request_duration_seconds_bucket{path="/",le="+Inf"} 3', text)
        self.assertIn('shop_request_duration_seconds_count{path="/"} 3', text)


if __name__ == "__main__":
    unittest.main()
