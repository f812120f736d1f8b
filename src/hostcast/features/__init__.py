"""Features without look-ahead, and the role of every column."""

from hostcast.features.build import Features, featurize
from hostcast.features.calendar import calendar_features
from hostcast.features.parts import featurize_into
from hostcast.features.roles import Column, Roles, read_roles, write_roles
from hostcast.features.table import FeatureTable

__all__ = [
    "Column",
    "FeatureTable",
    "Features",
    "Roles",
    "calendar_features",
    "featurize",
    "featurize_into",
    "read_roles",
    "write_roles",
]
