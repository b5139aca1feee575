// SPDX-License-Identifier: GPL-2.0
/*
 * Short stories of the fuzzer for what single calls seldom come to: a send that waits until it is too
 * late, a port that is congested and becomes free. Others disturb them. Part of fuzz_worker.
 */
#ifndef TESTS_PROGRAMS_FUZZ_PRESSURE_H
#define TESTS_PROGRAMS_FUZZ_PRESSURE_H

#include <poll.h>

#include "fuzz_worker.h"

inline void fuzz_worker::use_place(std::size_t i)
{
	place_ = i;
	fd_ = fuzz_world::place(i);
}

inline void fuzz_worker::set_value(kind k, int level, int name, int value)
{
	watch_.say("place %zu level %d option %d value %d", place_, level, name, value);
	make(k, [&] { return ::setsockopt(fd_, level, name, &value, sizeof(value)); });
}

inline void fuzz_worker::send_home(std::size_t to, std::size_t n, int flags)
{
	fuzz_address a = fuzz_home(to).address;
	const std::uint8_t *data = memory_.payload(n);
	watch_.say("place %zu %zu bytes flags %#x to place %zu", place_, n, flags, to);
	long result = make(kind::sendto, [&] {
		return ::sendto(fd_, data, n, flags, reinterpret_cast<sockaddr *>(&a.bytes), a.len);
	});
	note_send(result, flags);
}

/* Nobody acknowledges: a small send buffer is full at once. */
inline void fuzz_worker::be_late()
{
	fuzz_address a(fuzz_home(place_).family == AF_INET ? "10.99.0.77" : "fd99::77", 4000);
	timeval tv{0, 4000};
	watch_.say("place %zu", place_);
	make(kind::timeouts,
	     [&] { return ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)); });
	set_value(kind::buffers, SOL_SOCKET, SO_SNDBUF, 1);
	for (int i = 0; i < 3; i++) {
		watch_.say("place %zu to %s, the buffer is full", place_, a.text().c_str());
		long result = make(kind::sendto, [&] {
			return ::sendto(fd_, memory_.payload(2000), 2000, 0,
					reinterpret_cast<sockaddr *>(&a.bytes), a.len);
		});
		note_send(result, 0);
		if (result < 0)
			return;
	}
}

inline void fuzz_worker::meet_congestion()
{
	std::size_t sender = place_, receiver = r_.below(fuzz_world::places);
	while (!fuzz_home(sender).reaches(fuzz_home(receiver)) || fuzz_home(receiver).inside ||
	       sender == receiver) {
		sender = r_.below(fuzz_world::places);
		receiver = r_.below(fuzz_world::places);
	}
	use_place(receiver);
	set_value(kind::buffers, SOL_SOCKET, SO_RCVBUF, 1);
	use_place(sender);
	set_value(kind::monitor, SOL_RDS, RDS_CONG_MONITOR, 1);
	for (int i = 0; i < 4; i++)
		send_home(receiver, 1000, MSG_DONTWAIT);
	use_place(receiver);
	receive_all();
	use_place(sender);
	pollfd p{fd_, POLLIN, 0};
	watch_.say("place %zu, until a port is free", place_);
	make(kind::poll, [&] { return ::poll(&p, 1, 10); });
	for (int i = 0; i < 3; i++)
		if (receive_room(2000, 128, 200, MSG_DONTWAIT) < 0)
			return;
}

/* Zero copy over TCP, until its completion comes back. */
inline void fuzz_worker::send_and_hear()
{
	while (fuzz_home(place_).inside)
		use_place(r_.below(fuzz_world::places));
	set_value(kind::zerocopy, SOL_SOCKET, SO_ZEROCOPY, 1);
	set_value(kind::buffers, SOL_SOCKET, SO_SNDBUF, 65536);
	fuzz_control control(r_, memory_);
	control.good(RDS_CMSG_ZCOPY_COOKIE);
	send_with(kind::send_zerocopy, control, MSG_DONTWAIT | MSG_ZEROCOPY, true);
	pollfd p{fd_, POLLIN, 0};
	watch_.say("place %zu, until something comes back", place_);
	make(kind::poll, [&] { return ::poll(&p, 1, 10); });
	for (int i = 0; i < 3; i++)
		if (receive_room(2000, 128, 200, MSG_DONTWAIT) < 0)
			return;
}

#endif
