// SPDX-License-Identifier: GPL-2.0
/*
 * The fuzzer's calls that wait for events: poll, select, epoll. Part of fuzz_worker.
 */
#ifndef TESTS_PROGRAMS_FUZZ_WAIT_H
#define TESTS_PROGRAMS_FUZZ_WAIT_H

#include <poll.h>
#include <sys/select.h>

#include "fuzz_worker.h"

/* The last is the generic layer's, for a socket with SO_BUSY_POLL and who asks for the bit. */
constexpr int fuzz_events = POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLWRBAND | 0x8000;

inline void fuzz_worker::wait_some()
{
	int ms = static_cast<int>(r_.below(8));
	watch_.say("place %zu and others, %d ms", place_, ms);
	if (r_.one_in(4)) {
		timeval tv{0, ms * 1000};
		fd_set in, out;
		FD_ZERO(&in);
		FD_ZERO(&out);
		FD_SET(fd_, &in);
		FD_SET(fd_, &out);
		make(kind::select, [&] {
			return ::select(fd_ + 1, &in, r_.one_in(2) ? &out : nullptr, nullptr, &tv);
		});
		return;
	}
	pollfd list[4];
	for (pollfd &p : list)
		p = {fuzz_world::place(r_.below(fuzz_world::places)),
		     static_cast<short>(r_.one_in(3) ? r_.next() : POLLIN), 0};
	place p = memory_.put(r_, list, sizeof(list));
	auto *polled = reinterpret_cast<pollfd *>(p.at);
	long result = make(kind::poll, [&] { return ::poll(polled, std::size(list), ms); });
	if (result <= 0 || !p.writable || fuzz_memory::is_shared(p.at))
		return;
	for (std::size_t i = 0; i < std::size(list); i++)
		must(!(static_cast<unsigned short>(polled[i].revents) & ~fuzz_events),
		     "no unknown event");
}

inline void fuzz_worker::epoll_some()
{
	epoll_event event{static_cast<std::uint32_t>(EPOLLIN | EPOLLOUT), {}};
	if (r_.one_in(2))
		event.events = static_cast<std::uint32_t>(r_.next()) &
			       ~(EPOLLEXCLUSIVE | EPOLLWAKEUP);
	event.data.fd = fd_;
	watch_.say("place %zu events %#x", place_, event.events);
	if (r_.percent(60)) {
		int what = r_.of({EPOLL_CTL_ADD, EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL});
		make(kind::epoll, [&] { return ::epoll_ctl(epoll_.get(), what, fd_, &event); });
		return;
	}
	epoll_event got[8]{};
	int ms = static_cast<int>(r_.below(8));
	long n = make(kind::epoll, [&] { return ::epoll_wait(epoll_.get(), got, 8, ms); });
	for (long i = 0; i < n; i++) {
		watch_.say("event %ld of %ld is %#x", i, n, got[i].events);
		must(!(got[i].events & ~fuzz_events), "no unknown event");
	}
}

#endif
