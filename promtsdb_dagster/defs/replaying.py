"""Choose who replays: a container where an image is named, else a process."""

import dagster as dg

from promtsdb_dagster.adapters.replay import ReplaySetup
from promtsdb_dagster.adapters.replay_process import ProcessReplayer, find_vmalert
from promtsdb_dagster.core.replaying import Replayer


def replayer_of(context: dg.AssetExecutionContext, setup: ReplaySetup) -> Replayer:
    """Return what runs vmalert; raise ConfigurationError when nothing can."""
    if setup.container is None:
        return ProcessReplayer(setup.command, find_vmalert(setup))
    # Docker's client takes as long to load as all other definitions, and few runs need it.
    from promtsdb_dagster.defs.replay_docker import ContainerReplayer

    return ContainerReplayer(context, setup.command, setup.container)
