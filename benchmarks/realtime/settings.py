"""The product's settings with the bare address beside the product's."""

from config.settings import *  # noqa: F403  # settings are names of a module

ROOT_URLCONF = "benchmarks.realtime.bare"
