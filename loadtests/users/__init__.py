"""How people behave: what Locust runs."""

from loadtests.users.browser import Browser
from loadtests.users.chatter import Chatter
from loadtests.users.swiper import Swiper

__all__ = ["Browser", "Chatter", "Swiper"]
