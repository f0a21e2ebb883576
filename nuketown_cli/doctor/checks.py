"""All checks, in the order of their findings."""

from __future__ import annotations

from nuketown_cli.doctor.broker import check_broker
from nuketown_cli.doctor.configuration import check_configuration
from nuketown_cli.doctor.daemon import check_daemons
from nuketown_cli.doctor.display import check_display_as_agents
from nuketown_cli.doctor.finding import Check
from nuketown_cli.doctor.identity import check_identity
from nuketown_cli.doctor.programs import check_programs
from nuketown_cli.doctor.service import check_service

CHECKS: tuple[Check, ...] = (
    check_configuration,
    check_daemons,
    check_identity,
    check_programs,
    check_service,
    check_broker,
    check_display_as_agents,
)
