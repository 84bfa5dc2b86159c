"""What the shop answers."""

import json
import unittest

from shop import version
from shop.application import Application
from shop.metrics import Metrics


def application(fault_rate=0.0):
    return Application("v9", "#123456", fault_rate, Metrics("v9"))


class Answers(unittest.TestCase):
    def test_the_page_shows_version_and_colour(self):
        response = application().respond("/", is_draining=False)
        page = response.body.decode()
        self.assertEqual(response.status, 200)
        self.assertIn("v9", page)
        self.assertIn("#123456", page)
        self.assertIn("Brass compass", page)

    def test_the_api_lists_products(self):
        answer = json.loads(application().respond("/api/products", is_draining=False).body)
        self.assertEqual(answer["version"], "v9")
        self.assertTrue(all(product["price"] > 0 for product in answer["products"]))

    def test_other_paths_are_not_found(self):
        self.assertEqual(application().respond("/api/nothing", is_draining=False).status, 404)

    def test_a_draining_shop_is_alive_but_not_ready(self):
        shop = application()
        self.assertEqual(shop.respond("/health", is_draining=True).status, 200)
        self.assertEqual(shop.respond("/ready", is_draining=True).status, 503)


class Faulty(unittest.TestCase):
    def statuses(self, fault_rate, count):
        shop = application(fault_rate)
        return [shop.respond("/", is_draining=False).status for _ in range(count)]

    def test_the_share_is_exact_and_evenly_spread(self):
        self.assertEqual(self.statuses(0.2, 10), [200, 200, 200, 200, 500] * 2)
        self.assertEqual(self.statuses(0.3, 1000).count(500), 300)
        self.assertEqual(set(self.statuses(0.0, 50)), {200})
        self.assertEqual(set(self.statuses(1, 50)), {500})

    def test_probes_never_fail(self):
        shop = application(fault_rate=1)
        self.assertEqual(shop.respond("/health", is_draining=False).status, 200)
        self.assertEqual(shop.respond("/ready", is_draining=False).status, 200)

    def test_a_rate_beyond_one_is_refused(self):
        with self.assertRaisesRegex(ValueError, "from 0 to 1"):
            application(fault_rate=20)


class Release(unittest.TestCase):
    def test_the_release_can_be_served(self):
        release = Application(
            version.VERSION, version.COLOUR, version.FAULT_RATE, Metrics(version.VERSION)
        )
        self.assertRegex(version.COLOUR, "^#[0-9a-f]{6}$")
        self.assertEqual(release.respond("/", is_draining=False).status, 200)


if __name__ == "__main__":
    unittest.main()
