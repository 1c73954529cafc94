"""The machines of the imaginary network and what their agents write."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from promtsdb_dagster.localstack.shapes import Constant, Gauge, Labels, Shape, SourceSeries

AGENT = "netdata_prometheus_custom_exporter_local_manifest"


@dataclass(frozen=True)
class Node:
    """One machine: what its agent writes on each of its series."""

    name: str
    service: str
    labels: Labels = (("manifest_network", "true"),)
    cores: int = 2
    memory_mib: int = 4096
    network: bool = False
    place: tuple[str, str, float, float] | None = None
    gone: bool = False
    late: bool = False
    broken: bool = False

    @property
    def instance(self) -> str:
        """Return the scrape address."""
        return f"{self.name}.example.net:443"


_GUEST: Labels = (("manifest_network", "true"), ("guest_containers", "true"))

NODES = (
    Node("ops-1", "netdata-kubernetes-prod-ops", cores=4, memory_mib=16384, network=True),
    Node("ops-2", "netdata-kubernetes-prod-ops", memory_mib=8192),
    Node("kube-1", "netdata-kubernetes-prod-02", memory_mib=8192),
    Node("paris-1", "netdata-validators", place=("France", "Paris", 48.8566, 2.3522), network=True),
    Node(
        "frankfurt-1",
        "netdata-validators",
        place=("Germany", "Frankfurt am Main", 50.1109, 8.6821),
        broken=True,
    ),
    Node("montreal-1", "netdata-validators", place=("Canada", "Montréal", 45.5019, -73.5674)),
    Node(
        "saopaulo-1",
        "netdata-validators",
        place=("Brazil", "São Paulo", -23.5558, -46.6396),
        gone=True,
    ),
    Node("web-1", "netdata-cdn-prod-web", place=("Japan", "Tokyo", 35.6762, 139.6503)),
    Node(
        "web-2",
        "netdata-cdn-prod-web",
        place=("Singapore", "Singapore", 1.3521, 103.8198),
        late=True,
    ),
    Node("gpu-amd-1", "netdata-gpu"),
    Node("gpu-nvidia-1", "netdata-gpu"),
    Node("q-cell-01", "netdata-cells"),
    Node("dweb-1", "netdata-dweb-hosting"),
    Node("guests-1", "netdata-guests", labels=_GUEST),
    Node("office-1", "netdata-office", labels=()),
)
# Memory dimensions of the agent, with their shares.
_RAM = (("used", 0.46), ("cached", 0.22), ("buffers", 0.05), ("free", 0.27))


def machines() -> Iterator[SourceSeries]:
    """Yield the series of every machine."""
    for number, node in enumerate(NODES):
        base: Labels = (
            ("instance", node.instance),
            ("job", node.service),
            ("service", node.service),
            ("metric_source", "netdata"),
            *node.labels,
        )
        for name, labels, shape in _node(number, node):
            yield SourceSeries(name, base + labels, shape, node.gone, node.late, node.broken)


def _node(number: int, node: Node) -> Iterator[tuple[str, Labels, Shape]]:
    yield "up", (), Constant("1")
    for core in range(node.cores):
        yield (
            "netdata_cpu_cpu_percentage_average",
            (("chart", f"cpu.cpu{core}"), ("dimension", "idle"), ("family", "utilization")),
            Gauge(71, 19, 6, smooth=number + core, rough=core),
        )
    if number == 0:
        # Dimensions that the rules' filters must leave out.
        yield (
            "netdata_cpu_cpu_percentage_average",
            (("chart", "cpu.cpu0"), ("dimension", "user"), ("family", "utilization")),
            Gauge(20, 11, 4, smooth=number, rough=number),
        )
        yield (
            "netdata_disk_space_GiB_average",
            (("chart", "disk_space._"), ("dimension", "reserved_for_root"), ("family", "/")),
            Constant("8"),
        )
    for index, (dimension, share) in enumerate(_RAM):
        yield (
            "netdata_system_ram_MiB_average",
            (("chart", "system.ram"), ("dimension", dimension), ("family", "ram")),
            Gauge(
                node.memory_mib * share,
                node.memory_mib * share * 0.2,
                node.memory_mib * 0.002,
                smooth=number + index,
                rough=number,
            ),
        )
    for dimension, gib, swing in (("used", 61, 9), ("avail", 139, -9)):
        yield (
            "netdata_disk_space_GiB_average",
            (("chart", "disk_space._"), ("dimension", dimension), ("family", "/")),
            # The same waves with opposite signs: used + avail stays the size of the disk.
            Gauge(gib + number, swing, 0, smooth=5, rough=0),
        )
    yield (
        "netdata_system_active_processes_processes_average",
        (("chart", "system.active_processes"), ("dimension", "active"), ("family", "processes")),
        Gauge(240 + 7 * number, 22, 5, smooth=number, rough=number, decimals=1),
    )
    if node.network or node.place or not node.labels:
        yield from _traffic(number)
    if node.service.startswith("netdata-kubernetes"):
        for pod in range(2):
            yield (
                "netdata_k8s_cgroup_cpu_limit_percentage_average",
                (("chart", f"cgroup_k8s_pod_{pod}.cpu_limit"), ("dimension", "used")),
                Gauge(31 + 5 * pod, 14, 4, smooth=pod, rough=pod),
            )
    if node.service == "netdata-cdn-prod-web" or node.name in ("ops-1", "office-1"):
        yield from _nginx(number)
    if node.place:
        yield from _geo(*node.place)
    if node.name.startswith("gpu-amd"):
        yield from _amd()
    if node.name.startswith("gpu-nvidia"):
        yield from _nvidia()


def _traffic(number: int) -> Iterator[tuple[str, Labels, Shape]]:
    # The agent counts what was sent below zero.
    for dimension, sign in (("sent", -1), ("received", 1)):
        yield (
            "netdata_ipv4_tcppackets_packets_persec_average",
            (("chart", "ipv4.tcppackets"), ("dimension", dimension), ("family", "tcp")),
            Gauge(sign * (900 + 40 * number), 310, 60, smooth=number, rough=number),
        )
        yield (
            "netdata_system_ip_kilobits_persec_average",
            (("chart", "system.ip"), ("dimension", dimension), ("family", "network")),
            Gauge(sign * (5200 + 300 * number), 2100, 350, smooth=number + 1, rough=number),
        )


def _nginx(number: int) -> Iterator[tuple[str, Labels, Shape]]:
    prefix = "netdata_prometheus_nginx_exporter_local_nginx"
    yield (
        f"{prefix}_http_requests_total_requests_persec_average",
        (("dimension", "requests"),),
        Gauge(38 + number, 17, 5, smooth=number, rough=number),
    )
    yield f"{prefix}_up_up_average", (("dimension", "up"),), Constant("1")


def _geo(
    country: str, city: str, latitude: float, longitude: float
) -> Iterator[tuple[str, Labels, Shape]]:
    place: Labels = (("country_name", country), ("city", city))
    yield f"{AGENT}_geo_metadata_metadata_average", place, Constant("1")
    yield f"{AGENT}_geo_latitude_latitude_average", (), Constant(str(latitude))
    yield f"{AGENT}_geo_longitude_longitude_average", (), Constant(str(longitude))


def _amd() -> Iterator[tuple[str, Labels, Shape]]:
    for card in range(2):
        chart = ("chart", f"amdgpu.card{card}")
        yield (
            "netdata_amdgpu_gpu_mem_vis_vram_usage_bytes_average",
            (chart, ("dimension", "used")),
            Gauge(9.1e9 + card * 1e9, 3e9, 2e8, smooth=card, rough=card, decimals=0),
        )
        yield (
            "netdata_amdgpu_gpu_utilization_percentage_average",
            (chart, ("dimension", "utilization")),
            Gauge(48, 31, 9, smooth=2 + card, rough=card),
        )


def _nvidia() -> Iterator[tuple[str, Labels, Shape]]:
    for card in range(2):
        chart = ("chart", f"nvidia_smi.gpu{card}")
        yield (
            "netdata_cuda_cores_number_average",
            (chart, ("dimension", "cuda_cores")),
            Constant("6912"),
        )
        yield (
            "netdata_nvidia_smi_gpu_frame_buffer_memory_usage_B_average",
            (chart, ("dimension", "used")),
            Gauge(2.1e10 + card * 1e9, 8e9, 4e8, smooth=card, rough=card, decimals=0),
        )
        for dimension in ("gpu", "memory"):
            yield (
                "netdata_nvidia_smi_gpu_utilization_percent_average",
                (chart, ("dimension", dimension), ("family", "gpu utilization")),
                Gauge(55, 33, 8, smooth=4 + card, rough=card),
            )
