// SPDX-License-Identifier: GPL-2.0
/*
 * The cost of a message: half a round trip, or its share of a stream one way. One thread; the workers
 * are processes.
 */
#ifndef TESTS_PROGRAMS_BENCH_TRAFFIC_H
#define TESTS_PROGRAMS_BENCH_TRAFFIC_H

#include "bench_rounds.h"

template <typename End>
bool ask(End &e, std::uint64_t first, std::uint64_t count)
{
	for (std::uint64_t i = first; i < first + count; i++)
		if (!e.send(i) || !e.receive(i))
			return false;
	return true;
}

template <typename End>
bool answer(End &e, std::uint64_t first, std::uint64_t count)
{
	for (std::uint64_t i = first; i < first + count; i++)
		if (!e.receive(i) || !e.send(i))
			return false;
	return true;
}

template <typename End>
bool pour(End &e, std::uint64_t first, std::uint64_t count)
{
	for (std::uint64_t i = first; i < first + count; i++)
		if (!e.send(i) || !e.pace(i - first + 1))
			return false;
	return true;
}

template <typename End>
bool drink(End &e, std::uint64_t first, std::uint64_t count)
{
	for (std::uint64_t i = first; i < first + count; i++)
		if (!e.receive(i) || !e.let_go_on(i - first + 1))
			return false;
	return true;
}

/*
 * Connections are there, and what is negotiated after that is over. The kernel's own modules may lose
 * the first messages: those are sent again.
 */
inline void acquaint(std::vector<wire> &wires)
{
	constexpr std::uint64_t hello = ~std::uint64_t{0};
	for (wire &w : wires) {
		set_patience(w.right.fd(), 200000);
		for (int tries = 0; tries < 50 && (!w.left.send(hello) || !w.right.receive(hello));
		     tries++) {
		}
		set_patience(w.right.fd(), 0);
	}
	::usleep(500000);
	for (wire &w : wires) {
		w.left.drain();
		w.right.drain();
	}
}

struct traffic_plan {
	carrier over = carrier::rds;
	bool loop = false, rdma = false, round_trip = false;
	unsigned pairs = 1, nth = 0;
	std::size_t size = 64;
};

/* A wire has two ends, each of which is used by a process of its own. @readers: of streams one way. */
template <typename Wire>
measured measure_wires(std::vector<Wire> &wires, const traffic_plan &plan, const effort &e,
		       manners readers)
{
	crew workers;
	for (Wire &w : wires)
		workers.add(
			[&](std::uint64_t first, std::uint64_t count) {
				return plan.round_trip ? answer(w.right, first, count)
						       : drink(w.right, first, count);
			},
			plan.round_trip ? manners::usual : readers);
	for (Wire &w : wires)
		workers.add(
			[&](std::uint64_t first, std::uint64_t count) {
				return plan.round_trip ? ask(w.left, first, count)
						       : pour(w.left, first, count);
			},
			plan.round_trip ? manners::usual : manners::polite);
	return measure(workers, plan.pairs * (plan.round_trip ? 2 : 1), e);
}

inline measured measure_traffic(const traffic_plan &plan, const effort &e)
{
	std::vector<wire> wires;
	for (unsigned i = 0; i < plan.pairs; i++) {
		auto port = static_cast<std::uint16_t>(4000 + i);
		wires.push_back(make_wire(plan.over,
					  plan.rdma   ? place::rdma(port)
					  : plan.loop ? place::loop(plan.nth, port)
						      : place::net(plan.nth, port),
					  plan.size));
	}
	if (plan.over == carrier::rds)
		acquaint(wires);
	return measure_wires(wires, plan, e, manners::polite);
}

#endif
