"""The imaginary network whose metrics the local stack serves.

It has every source series that the bundled rules read, for both tiers, and beside them series
that the rules' filters must leave out: guest containers, cells, hosting, other networks.
"""

from __future__ import annotations

from collections.abc import Iterator

from promtsdb_dagster.localstack.machines import AGENT, machines
from promtsdb_dagster.localstack.shapes import (
    Amount,
    Constant,
    Counter,
    Gauge,
    Labels,
    SourceSeries,
)

_BLACKBOX = "netdata_prometheus_mqtt_blackbox_exporter_local_manifest"
TIERS = ("mainnet", "testnet")


def fleet() -> Iterator[SourceSeries]:
    """Yield every source series, each label set once."""
    yield from machines()
    for number, tier in enumerate(TIERS):
        yield from _chain(tier, number)
    yield from _web_sites()
    yield from _minio()
    yield SourceSeries(
        "talib_mfx_power_conversion",
        (("instance", "talib.example.net:443"), ("job", "talib")),
        Gauge(0.379, 0.08, 0.004, smooth=1, rough=1, decimals=6),
    )


def _chain(tier: str, number: int) -> Iterator[SourceSeries]:
    """Yield what validators and the indexer of one tier say; amounts go past 2^53."""
    scale = 10**number
    chain = f"manifest-ledger-{tier}"
    tags: Labels = (("manifest_tier", tier), ("manifest_chain", chain))
    agent: Labels = (
        ("instance", f"validator-{tier}-1.example.net:443"),
        ("job", "netdata-validators"),
        ("manifest_app", "validator"),
        *tags,
    )
    indexer: Labels = (
        ("instance", f"yaci-{tier}.example.net:443"),
        ("job", "yaci"),
        ("manifest_app", "yaci"),
        *tags,
    )
    mfx: Labels = (("denom", "umfx"),)

    for denom, symbol in (("umfx", "MFX"), ("upwr", "PWR")):
        labels: Labels = (("denom", denom), ("symbol", symbol), ("exponent", "6"))
        yield SourceSeries(
            f"{AGENT}_tokenomics_denom_metadata_metadata_average",
            agent + labels,
            Constant("1"),
        )
    yield SourceSeries(
        f"{AGENT}_tokenomics_token_count_token_average",
        agent,
        Gauge(2 + number, 0.4, 0.1, smooth=1, rough=0, decimals=2),
    )
    hour = 3600
    for name, owner, shape in (
        (
            f"{AGENT}_tokenomics_total_supply_supply_average",
            agent + mfx,
            Amount("supply", 135_304_300_855_652_063_947 // scale, 3_141_592_653_589, 12 * hour),
        ),
        (
            f"{_BLACKBOX}_tokenomics_excluded_supply_supply_average",
            agent + mfx,
            Amount("excluded_supply", 41_000_000_000_000_007_919 // scale, -271_828_182, 24 * hour),
        ),
        (
            f"{AGENT}_tokenomics_fees_fees_average",
            agent + mfx,
            Amount("amount", 31_415_926_535_897_933 // scale, 12_345_679, 8 * hour),
        ),
        (
            "yaci_locked_tokens_count",
            indexer,
            Amount("amount", 1_200_000_000_000_000_541 // scale, 99_999_999_977, 12 * hour),
        ),
        (
            "yaci_tokenomics_total_burn_amount",
            indexer,
            Amount("amount", 18_014_398_509_481_985 // scale, 777_777_777, 6 * hour),
        ),
        (
            "yaci_tokenomics_total_payout_amount",
            indexer,
            Amount("amount", 72_057_594_037_927_937 // scale, 1_234_567_891, 12 * hour),
        ),
        (
            "yaci_tokenomics_total_pwr_minted_amount",
            indexer,
            Amount("amount", 288_230_376_151_711_745 // scale, 987_654_321, 12 * hour),
        ),
        (
            "yaci_tokenomics_total_pwr_burned_amount",
            indexer,
            Amount("amount", 36_028_797_018_963_971 // scale, 123_456_789, 24 * hour),
        ),
    ):
        yield SourceSeries(name, owner, shape)
    for name, counter in (
        ("yaci_transactions_total_count", Counter(48_211, 0.021 * (number + 1))),
        ("yaci_addresses_total_unique_user", Counter(1_204, 0.0004)),
        ("yaci_addresses_total_unique_group", Counter(17, 0.000_004)),
    ):
        yield SourceSeries(name, indexer, counter)
    for validator in (1, 2):
        yield SourceSeries(
            "cometbft_consensus_height",
            (
                ("instance", f"validator-{tier}-{validator}.example.net:26660"),
                ("job", "cometbft"),
                ("chain_id", chain),
                ("manifest_tier", tier),
            ),
            Counter(1_000 - validator, 0.16),
        )
    # What the filters on manifest_app must leave out.
    yield SourceSeries(
        f"{AGENT}_tokenomics_total_supply_supply_average",
        (
            ("instance", f"sentry-{tier}.example.net:443"),
            ("job", "netdata-sentries"),
            ("manifest_app", "sentry"),
            *tags,
            *mfx,
            ("supply", "1"),
        ),
        Constant("1"),
    )


def _web_sites() -> Iterator[SourceSeries]:
    """Yield the two sources of one metric; the preferred one starts late."""
    yield SourceSeries(
        f"{AGENT}_ghostcloud_total_sites_sites_average",
        (
            ("instance", "kvstore-1.example.net:443"),
            ("job", "netdata-kvstore-qa-01"),
            ("service", "netdata-kvstore-qa-01"),
            ("dimension", "sites"),
        ),
        Counter(310, 0.000_02),
        late=True,
    )
    yield SourceSeries(
        "netdata_sites_number_average",
        (
            ("instance", "sites-1.example.net:443"),
            ("job", "netdata-sites"),
            ("chart", "manifest_Manifest_Network.sites"),
            ("many_chain", "manifest-web-alpha"),
        ),
        Counter(290, 0.000_02),
    )


def _minio() -> Iterator[SourceSeries]:
    clusters = (
        ("minio-stats", "store-1", "a", 1.0),
        ("minio-stats", "store-1", "b", 0.4),
        ("minio-stats", "store-2", "a", 0.7),
        ("minio-lab", "lab-1", "a", 9.0),
    )
    for number, (job, instance, server, share) in enumerate(clusters):
        for index, bucket in enumerate(("sites", "backups", "média")):
            labels: Labels = (
                ("instance", f"{instance}.example.net:9000"),
                ("job", job),
                ("server", f"{server}.{instance}.example.net:9000"),
                ("bucket", bucket),
            )
            yield SourceSeries(
                "minio_bucket_usage_total_bytes",
                labels,
                Gauge(4.4e12 * share, 3e11, 2e9, smooth=index, rough=number, decimals=0),
            )
            yield SourceSeries(
                "minio_bucket_usage_object_total",
                labels,
                Counter(int(120_000 * share), 0.01 * share),
            )
