# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any table and any declaration: what check mode says is what happens, and a second run has nothing to do."""

from __future__ import annotations

import errno
import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs import host, merge
from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs.apply import RefusedError, carry_out
from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs.declaration import (
    DeclarationError,
    DeclaredService,
    declare,
)
from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs.operations import Operation, texts
from ansible_collections.multitier.loadbalancer.plugins.module_utils.ipvs.plan import Plan, make_plan
from ansible_collections.multitier.loadbalancer.tests.unit.support.ipvs_strategies import declarations, histories
from ansible_collections.multitier.loadbalancer.tests.unit.support.memory_kernel import MemoryKernel
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Sequence

STATES = st.sampled_from(["present", "replaced", "overridden", "absent"])
# The first example pays for imports; a slow machine must not fail a test.
settings.register_profile(
    "ipvs", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], max_examples=80
)
pytestmark = pytest.mark.usefixtures("no_sysctl")


@pytest.fixture(scope="module")
def no_sysctl() -> Any:
    """This host's own sysctls are not the memory kernel's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(host, "read_sysctl", lambda _name: None)
        yield


def kernel_after(history: Sequence[Operation]) -> MemoryKernel:
    kernel = MemoryKernel()
    kernel.execute(history)
    return kernel


def accepted(services: list[dict[str, Any]], kernel: MemoryKernel, state: str, reorder: bool) -> tuple[Any, Plan]:
    """(declaration, plan) of a declaration that the rules accept."""
    declared = declare(services)
    try:
        return declared, make_plan(kernel.read(), declared, state, reorder)
    except DeclarationError:
        assume(False)
        raise


def by_name(kernel: MemoryKernel, declared: DeclaredService) -> dict[str, Any]:
    found = [service for service in kernel.read() if service.key == declared.key]
    return {item.name: item for item in found[0].destinations} if found else {}


@settings(settings.get_profile("ipvs"), max_examples=250)
@given(histories(), declarations(), STATES, st.booleans())
def test_check_mode_tells_what_happens_and_a_second_run_is_quiet(
    history: list[Operation], services: list[dict[str, Any]], state: str, reorder: bool
) -> None:
    kernel = kernel_after(history)
    before = kernel.read()
    declared, plan = accepted(services, kernel, state, reorder)
    carry_out(plan, kernel)
    concerned = {service.key for service in (*plan.before, *plan.after)}
    assert [service for service in kernel.read() if service.key in concerned] == plan.after
    assert [s for s in kernel.read() if s.key not in concerned] == [s for s in before if s.key not in concerned]
    assert bool(plan.batches) == (before != kernel.read()) or plan.moves
    again = make_plan(kernel.read(), declared, state, reorder)
    assert texts(again.operations) == []
    assert again.out_of_order == plan.out_of_order
    assert not (reorder and plan.out_of_order)


@settings(settings.get_profile("ipvs"))
@given(histories(), declarations(), st.sampled_from(["replaced", "overridden"]))
def test_the_kernel_equals_the_declaration(
    history: list[Operation], services: list[dict[str, Any]], state: str
) -> None:
    kernel = kernel_after(history)
    declared, plan = accepted(services, kernel, state, reorder=True)
    carry_out(plan, kernel)
    fresh = MemoryKernel()
    carry_out(make_plan([], declared, "overridden"), fresh)
    mine = {service.key for service in declared}
    assert [service for service in kernel.read() if service.key in mine] == fresh.read()
    for service in declared:
        assert list(by_name(kernel, service)) == [item.name for item in service.destinations or ()]
    if state == "overridden":
        assert kernel.read() == fresh.read()


@settings(settings.get_profile("ipvs"))
@given(histories(), declarations(), st.booleans())
def test_present_changes_nothing_but_what_is_named(
    history: list[Operation], services: list[dict[str, Any]], reorder: bool
) -> None:
    kernel = kernel_after(history)
    declared, plan = accepted(services, kernel, "present", reorder)
    before = {service.key: by_name(kernel, service) for service in declared}
    carry_out(plan, kernel)
    for service in declared:
        after = by_name(kernel, service)
        named = {item.name: item for item in service.destinations or ()}
        for name, item in before[service.key].items():
            assert name in named or after[name] == item
        for name, item in named.items():
            assert all(getattr(after[name], field) == value for field, value in item.given.items())
        old = [name for name in before[service.key] if name not in named]
        assert [name for name in after if name in old] == old


@settings(settings.get_profile("ipvs"))
@given(histories(), declarations(), st.sampled_from(["present", "replaced", "overridden"]), st.booleans())
def test_only_a_new_place_deletes_what_stays(
    history: list[Operation], services: list[dict[str, Any]], state: str, reorder: bool
) -> None:
    kernel = kernel_after(history)
    _declared, plan = accepted(services, kernel, state, reorder)
    added = {(o.service, o.destination.name) for o in plan.operations if o.verb == "add_destination" and o.destination}
    deleted = {
        (o.service, o.destination.name) for o in plan.operations if o.verb == "delete_destination" and o.destination
    }
    assert bool(added & deleted) == plan.moves
    assert reorder or not plan.moves
    stays = {service.key for service in plan.after}
    assert not stays & {o.service for o in plan.operations if o.verb == "delete_service"}


@settings(settings.get_profile("ipvs"))
@given(histories(), declarations(max_services=2))
def test_the_same_maglev_table_whatever_happened_before(
    history: list[Operation], services: list[dict[str, Any]]
) -> None:
    """With weights above 0 declared: last weights, order and members are then all the declaration's."""
    for service in services:
        service.update(scheduler="mh", scheduler_flags=["mh-port", "mh-fallback"])
        for item in service.get("destinations") or []:
            item["weight"] = item.get("weight") or 3
    kernel, fresh = kernel_after(history), MemoryKernel()
    declared, plan = accepted(services, kernel, "overridden", reorder=True)
    carry_out(plan, kernel)
    carry_out(make_plan([], declared, "overridden"), fresh)
    for service in declared:
        assert kernel.table(service.key) == fresh.table(service.key)


@settings(settings.get_profile("ipvs"))
@given(declarations(max_services=1), st.data())
def test_a_director_that_starts_while_servers_are_down_has_its_peers_table(
    services: list[dict[str, Any]], data: st.DataObject
) -> None:
    """One director saw servers fail, the other is set up while they are down: equal tables, with and without a hint."""
    for service in services:
        service["scheduler"], service["scheduler_flags"] = "mh", ["mh-port"]
        for item in service.get("destinations") or []:
            item["weight"] = data.draw(st.sampled_from([1, 2, 5]))
            item["last_weight"] = item["weight"]
    witness, newcomer = MemoryKernel(), MemoryKernel()
    _declared, plan = accepted(services, witness, "overridden", reorder=True)
    carry_out(plan, witness)
    for service in services:
        for item in service.get("destinations") or []:
            if data.draw(st.booleans()):
                item["weight"] = 0
    down = declare(services)
    carry_out(make_plan(witness.read(), down, "overridden"), witness)
    carry_out(make_plan([], down, "overridden"), newcomer)
    for declared in down:
        assert witness.table(declared.key) == newcomer.table(declared.key)


class Refusing(MemoryKernel):
    """A kernel that refuses the n-th operation."""

    countdown = 0

    def execute(self, batch: Sequence[Operation]) -> list[int]:
        numbers = []
        for operation in batch:
            self.countdown -= 1
            numbers.append(errno.ENOMEM if self.countdown == -1 else super().execute([operation])[0])
        return numbers


@settings(settings.get_profile("ipvs"))
@given(histories(), declarations(), STATES, st.integers(0, 12))
def test_an_error_in_the_middle_says_what_was_done(
    history: list[Operation], services: list[dict[str, Any]], state: str, countdown: int
) -> None:
    kernel, twin = Refusing(), MemoryKernel()
    kernel.countdown = 10**9
    kernel.execute(history)
    twin.execute(history)
    _declared, plan = accepted(services, kernel, state, reorder=True)
    assume(plan.operations)
    countdown %= len(plan.operations)
    kernel.countdown = countdown
    with pytest.raises(RefusedError, match="Cannot allocate memory") as caught:
        carry_out(plan, kernel)
    failure = caught.value.failure
    assert failure["error"] == "ENOMEM"
    assert failure["done"][:countdown] == texts(plan.operations[:countdown])
    assert failure["operation"] == str(plan.operations[countdown])
    everything = [*failure["done"], failure["operation"], *failure["not_done"]]
    assert sorted(everything) == sorted(texts(plan.operations))
    done = list(failure["done"])
    for operation in plan.operations:
        if str(operation) in done:
            done.remove(str(operation))
            twin.execute([operation])
    if len(set(texts(plan.operations))) == len(plan.operations):
        assert twin.read() == kernel.read()


def test_reordering_moves_as_few_as_possible() -> None:
    """Against all subsets that could be moved, for all orders of up to five."""
    for count in range(1, 6):
        current = "abcde"[:count]
        for wanted in itertools.permutations(current):
            fewest = min(
                len(moved)
                for size in range(count + 1)
                for moved in itertools.combinations(current, size)
                if [n for n in wanted if n in moved] + [n for n in current if n not in moved] == list(wanted)
            )
            assert count - merge.kept_places(list(current), wanted) == fewest


def test_a_weight_change_is_one_edit() -> None:
    servers = [{"address": f"10.0.0.{byte}"} for byte in range(1, 100)]
    service = {"address": "198.51.100.1", "port": 80, "destinations": servers}
    kernel = MemoryKernel()
    carry_out(make_plan([], declare([service]), "replaced"), kernel)
    changed = {
        **service,
        "destinations": [{**server, "weight": 7} if i == 5 else server for i, server in enumerate(servers)],
    }
    plan = make_plan(kernel.read(), declare([changed]), "replaced", reorder=True)
    assert texts(plan.operations) == ["edit destination 10.0.0.6:80 (weight 7) of tcp 198.51.100.1:80"]


def test_appending_is_one_addition() -> None:
    servers = [{"address": f"10.0.0.{byte}"} for byte in (1, 2, 3)]
    kernel = MemoryKernel()
    service = {"address": "198.51.100.1", "port": 80, "destinations": servers[:2]}
    carry_out(make_plan([], declare([service]), "replaced"), kernel)
    plan = make_plan(kernel.read(), declare([{**service, "destinations": servers}]), "replaced", reorder=True)
    assert texts(plan.operations) == ["add destination 10.0.0.3:80 (weight 1) to tcp 198.51.100.1:80"]
    front = {**service, "destinations": [servers[2], *servers[:2]]}
    assert len(make_plan(kernel.read(), declare([front]), "replaced", reorder=True).operations) == 5
    unmoved = make_plan(kernel.read(), declare([front]), "replaced")
    assert len(unmoved.operations) == 1
    assert unmoved.out_of_order[0].declared == ["10.0.0.2:80", "10.0.0.1:80", "10.0.0.3:80"]


def test_the_kernels_order_can_be_declared() -> None:
    servers = [{"address": f"10.0.0.{byte}"} for byte in (1, 2)]
    service = {"address": "198.51.100.1", "port": 80, "destinations": servers}
    after = make_plan([], declare([service], newest_first=True), "replaced").after[0]
    assert [item.address for item in after.destinations] == ["10.0.0.1", "10.0.0.2"]


def test_draining_an_unequal_weight_keeps_its_slots() -> None:
    kernel = MemoryKernel()
    servers: list[dict[str, Any]] = [
        {"address": "10.0.0.1", "weight": 7},
        {"address": "10.0.0.2"},
        {"address": "10.0.0.3"},
    ]
    service = {"address": "198.51.100.1", "port": 80, "destinations": servers}
    carry_out(make_plan([], declare([service]), "replaced"), kernel)
    key = kernel.read()[0].key
    before = kernel.table(key)
    servers[0] = {**servers[0], "weight": 0}
    plan = make_plan(kernel.read(), declare([service]), "replaced")
    carry_out(plan, kernel)
    assert kernel.table(key) == before
    assert replace(plan.after[0].destinations[2], weight=7) == plan.before[0].destinations[2]
