"""The columns of every table that is an asset, as the migrations make them.

Written down, since definitions load without a database; a test compares them with one.
"""

from collections.abc import Collection

import dagster as dg

_TIME = "timestamp with time zone"
_METRIC = ("name", "text", "name of the metric, in lower case")
_BUCKET = ("bucket", _TIME, "start of the minute that the row stands for, UTC")
_AMOUNT = (
    "value",
    "numeric",
    "largest label `supply`, else `excluded_supply`, else `amount`, else the last sample",
)


def _schema(
    *columns: tuple[str, str, str], filled: Collection[str] = (), unique: Collection[str] = ()
) -> dg.TableSchema:
    """Return the schema; `filled` names the columns that are NOT NULL."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name,
                type_,
                description,
                constraints=dg.TableColumnConstraints(
                    nullable=name not in filled, unique=name in unique
                ),
            )
            for name, type_, description in columns
        ]
    )


def _samples(value: str, *, filled: bool) -> dg.TableSchema:
    return _schema(
        ("time", _TIME, "instant of the sample, UTC; it speaks for the step that ends there"),
        ("tag_id", "bigint", "the series: FNV-1a 64 over its sorted tags, as signed 64 bit"),
        _METRIC,
        ("schema", "text", "tier of the metric: mainnet, testnet, common, geo or cumsum"),
        ("value", "numeric", value),
        filled=("time", "tag_id", "name", "schema", "value") if filled else (),
    )


def _tier() -> dg.TableSchema:
    return _schema(_BUCKET, _METRIC, _AMOUNT)


_TAGS = (
    ("host", "text", "copy of the label `host`; telegraf where the series has none"),
    ("instance", "text", "copy of the label `instance`"),
    ("country_name", "text", "copy of the label `country_name`"),
    ("city", "text", "copy of the label `city`"),
    ("supply", "text", "copy of the label `supply`, an amount with all its digits"),
    ("excluded_supply", "text", "copy of the label `excluded_supply`"),
    ("amount", "text", "copy of the label `amount`"),
    ("labels", "jsonb", "every tag of the series"),
)

COLUMNS: dict[str, dg.TableSchema] = {
    "internal.prometheus_remote_write": _samples("the sample", filled=True),
    "cumsum.prometheus_remote_write": _samples("increment over the step", filled=True),
    "internal.prometheus_remote_write_tag": _schema(
        ("tag_id", "bigint", "the series: FNV-1a 64 over its sorted tags, as signed 64 bit"),
        *_TAGS,
        filled=("tag_id", "labels"),
        unique=("tag_id",),
    ),
    "staging_internal.prometheus_remote_write": _samples("the sample as it came", filled=False),
    "staging_cumsum.prometheus_remote_write": _samples("the increment as it came", filled=False),
    "cumsum.all_metrics_minute": _schema(
        _BUCKET,
        _METRIC,
        ("schema", "text", "always cumsum"),
        ("sum_value", "numeric", "sum of the increments of the minute"),
    ),
    "internal.cagg_calculated_metric": _schema(
        _BUCKET,
        _METRIC,
        ("schema", "text", "tier of the metric: mainnet, testnet or common"),
        _AMOUNT,
    ),
    "internal.prometheus_mainnet_1m": _tier(),
    "internal.prometheus_testnet_1m": _tier(),
    "internal.prometheus_common_1m": _tier(),
    "geo.latest_coords": _schema(
        _BUCKET,
        ("instance", "text", "which machine"),
        ("latitude", "numeric", "degrees north, the last of the minute"),
        ("longitude", "numeric", "degrees east, the last of the minute"),
        ("country_name", "text", "the last of the minute"),
        ("city", "text", "the last of the minute"),
    ),
}
