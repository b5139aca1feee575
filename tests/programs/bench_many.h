// SPDX-License-Identifier: GPL-2.0
/*
 * Many senders, one slow receiver, whose port is congested most of the time: what a message costs
 * beyond the work that the receiver has with it. One thread; the workers are processes.
 */
#ifndef TESTS_PROGRAMS_BENCH_MANY_H
#define TESTS_PROGRAMS_BENCH_MANY_H

#include "bench_traffic.h"

struct many_plan {
	carrier over = carrier::rds;
	unsigned senders = 8, nth = 0;
	std::size_t size = 4096;
	std::uint64_t work_ns = 50000;
	bool polling = false;
};

inline void toil(std::uint64_t ns)
{
	std::uint64_t end = now_ns() + ns;
	while (now_ns() < end) {
	}
}

/* Full or congested: it does not wait in the call, but for an event. */
inline bool send_polling(const wire_end &e, const endpoint &to, const std::vector<char> &data)
{
	while (::sendto(e.fd(), data.data(), data.size(), MSG_DONTWAIT, to.sa(), to.length()) < 0) {
		if (errno != EAGAIN && errno != ENOBUFS)
			return false;
		/* with no port monitored, POLLIN tells of each change of a congestion map */
		pollfd p{e.fd(), static_cast<short>(errno == EAGAIN ? POLLOUT : POLLIN), 0};
		if (::poll(&p, 1, 10000) < 0)
			return false;
	}
	return true;
}

inline bool receive_any(int fd, std::vector<char> &data, int flags)
{
	return ::recv(fd, data.data(), data.size(), flags) == static_cast<ssize_t>(data.size());
}

inline measured measure_many(const many_plan &plan, const effort &e)
{
	place p = place::net(plan.nth, 4000);
	std::vector<wire_end> left;
	std::vector<pollfd> right;
	enter_host(p.right_host);
	if (plan.over == carrier::rds)
		right.push_back({rds_bound(p.right), POLLIN, 0});
	int listener = plan.over == carrier::tcp ? tcp_listener(p.right) : -1;
	enter_host(p.left_host);
	for (unsigned i = 0; i < plan.senders; i++) {
		endpoint local = p.left.with_port(static_cast<std::uint16_t>(4000 + i));
		if (plan.over == carrier::rds) {
			left.emplace_back(rds_bound(local), p.right);
		} else {
			left.emplace_back(carrier::tcp, tcp_connect(local, p.right));
			right.push_back({tcp_accept(listener), POLLIN, 0});
		}
		left.back().reserve(plan.size);
	}
	if (plan.over == carrier::rds) {
		std::vector<wire> first(1);
		first[0] = {left[0], wire_end(right[0].fd, p.left)};
		first[0].right.reserve(plan.size);
		acquaint(first);
	}

	bool polling = plan.polling && plan.over == carrier::rds;
	std::vector<char> data(plan.size + (plan.over == carrier::tcp ? framing : 0));
	crew workers;
	workers.add([&](std::uint64_t, std::uint64_t count) {
		for (std::uint64_t todo = count * plan.senders; todo;) {
			if (plan.over == carrier::tcp && ::poll(right.data(), right.size(), -1) < 0)
				return false;
			for (const pollfd &r : right) {
				if (plan.over == carrier::tcp && !(r.revents & POLLIN))
					continue;
				if (!receive_any(r.fd, data,
						 MSG_WAITALL * (plan.over == carrier::tcp)))
					return false;
				toil(plan.work_ns);
				todo--;
			}
		}
		return true;
	});
	for (wire_end &end : left)
		workers.add([&](std::uint64_t first, std::uint64_t count) {
			for (std::uint64_t i = first; i < first + count; i++)
				if (polling ? !send_polling(end, p.right, data) : !end.send(i))
					return false;
			return true;
		});
	measured m = measure(workers, plan.senders, e);
	for (double &r : m.rounds)
		r -= static_cast<double>(plan.work_ns);
	return m;
}

#endif
