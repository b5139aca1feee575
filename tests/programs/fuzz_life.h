// SPDX-License-Identifier: GPL-2.0
/*
 * The fuzzer's calls about a socket's life: birth, bind, connect, names, close (by another socket in
 * its place), and the calls that RDS does not have. Part of fuzz_worker.
 */
#ifndef TESTS_PROGRAMS_FUZZ_LIFE_H
#define TESTS_PROGRAMS_FUZZ_LIFE_H

#include <sys/mman.h>

#include "fuzz_worker.h"

/* Settings that make the interesting outcomes likely. */
inline void fuzz_worker::prepare(std::size_t space)
{
	int fd = fd_;
	auto option = [fd](int level, int name, int value) {
		::setsockopt(fd, level, name, &value, sizeof(value));
	};
	timeval tv{0, static_cast<suseconds_t>(1000 + r_.below(20000))};
	::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	if (r_.one_in(3))
		option(SOL_SOCKET, SO_RCVBUF, 1);
	if (r_.one_in(4))
		option(SOL_SOCKET, SO_SNDBUF, 1);
	if (r_.one_in(2))
		option(SOL_SOCKET, SO_ZEROCOPY, 1);
	if (r_.one_in(2))
		option(SOL_RDS, RDS_CONG_MONITOR, 1);
	if (r_.one_in(2))
		option(SOL_SOCKET, r_.one_in(2) ? SO_TIMESTAMP_OLD : SO_TIMESTAMP_NEW, 1);
	rds_rx_trace_so trace{3, {0, 1, 2}};
	if (r_.one_in(3))
		::setsockopt(fd, SOL_RDS, SO_RDS_MSG_RXPATH_LATENCY, &trace, sizeof(trace));
	if (r_.one_in(8))
		option(SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_TCP);
	if (r_.percent(85)) {
		fuzz_address a = some_local(space);
		::bind(fd, reinterpret_cast<sockaddr *>(&a.bytes), a.len);
	}
	if (r_.one_in(2)) {
		fuzz_address a = some_destination();
		::connect(fd, reinterpret_cast<sockaddr *>(&a.bytes), a.len);
	}
}

inline void fuzz_worker::fresh_socket()
{
	std::size_t space = r_.percent(85) ? fuzz_home(place_).space
					   : r_.below(fuzz_world::namespaces);
	auto ns = world_.space(space);
	if (!ns)
		return;
	owned_fd s;
	{
		stay away(ns->get());
		watch_.say("in namespace %zu", space);
		s = owned_fd(static_cast<int>(make(kind::socket_good, [] {
			return ::socket(AF_RDS, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		})));
	}
	if (s.get() < 0)
		return;
	watch_.say("place %zu", place_);
	make(kind::replace, [&] { return ::dup3(s.get(), fd_, O_CLOEXEC); });
	world_.moved(place_, space);
	prepare(space);
}

/* A socket that nobody has used yet, for the next call only. */
inline owned_fd fuzz_worker::use_fresh()
{
	auto ns = world_.space(fuzz_home(place_).space);
	stay away(ns->get());
	owned_fd s(::socket(AF_RDS, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
	if (s)
		fd_ = s.get();
	return s;
}

inline void fuzz_worker::wrong_socket()
{
	int type = r_.one_in(3) ? static_cast<int>(r_.number())
				: r_.of<int>({SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_RDM, 10});
	int protocol = 0;
	if (r_.one_in(4)) {
		type = SOCK_SEQPACKET;
		protocol = static_cast<int>(1 + r_.below(300));
	}
	watch_.say("type %d protocol %d", type, protocol);
	long fd = make(kind::socket_bad, [&] { return ::socket(AF_RDS, type, protocol); });
	if (fd >= 0)
		::close(static_cast<int>(fd));
}

inline void fuzz_worker::bind_some()
{
	owned_fd fresh;
	fuzz_address a = spoil(r_, some_local(world_.where(place_)), 4);
	if (r_.one_in(2)) {
		fresh = use_fresh();
		a = spoil(r_, fuzz_home(place_).address, 4);
		a.v6()->sin6_port = r_.one_in(2) ? 0 : a.v6()->sin6_port;
	}
	place p = memory_.put(r_, &a.bytes, sizeof(a.bytes));
	kind k = a.is_v6() && !a.odd && p.writable ? kind::bind_v6 : kind::bind;
	watch_.say("place %zu %s at %p", place_, a.text().c_str(), p.at);
	make(k, [&] { return ::bind(fd_, reinterpret_cast<sockaddr *>(p.at), a.len); });
}

inline void fuzz_worker::connect_some()
{
	fuzz_address a = spoil(r_, some_destination(), 4);
	place p = memory_.put(r_, &a.bytes, sizeof(a.bytes));
	watch_.say("place %zu %s at %p", place_, a.text().c_str(), p.at);
	make(kind::connect,
	     [&] { return ::connect(fd_, reinterpret_cast<sockaddr *>(p.at), a.len); });
}

inline void fuzz_worker::names()
{
	kind k = r_.one_in(2) ? kind::getsockname : kind::getpeername;
	std::size_t n = r_.below(129);
	place room = memory_.room(r_, n);
	socklen_t len = static_cast<socklen_t>(r_.one_in(16) ? r_.number() : n);
	std::size_t given = len;
	place length = memory_.put(r_, &len, sizeof(len));
	auto *name = reinterpret_cast<sockaddr *>(room.at);
	auto *lp = reinterpret_cast<socklen_t *>(length.at);
	watch_.say("place %zu name %p length %p", place_, room.at, length.at);
	long result = make(k, [&] {
		return k == kind::getsockname ? ::getsockname(fd_, name, lp)
					      : ::getpeername(fd_, name, lp);
	});
	if (result || !length.writable || fuzz_memory::is_shared(length.at) || given > n)
		return;
	must(*lp == 16 || *lp == 28, "name length 16 or 28");
	must(!fuzz_memory::spilled(room, *lp, n), "nothing behind the name");
}

inline void fuzz_worker::absent()
{
	int n = static_cast<int>(r_.number());
	int pair[2];
	watch_.say("place %zu", place_);
	switch (r_.below(8)) {
	case 0:
		make(kind::absent, [&] { return ::listen(fd_, n); });
		break;
	case 1:
		make(kind::absent, [&] { return ::accept(fd_, nullptr, nullptr); });
		break;
	case 2:
		make(kind::absent, [&] { return ::accept4(fd_, nullptr, nullptr, n); });
		break;
	case 3:
		make(kind::absent, [&] { return ::shutdown(fd_, n); });
		break;
	case 4:
		make(kind::absent, [&] { return ::socketpair(AF_RDS, SOCK_SEQPACKET, 0, pair); });
		break;
	default:
		make(kind::mmap, [&] {
			void *p = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd_, 0);
			return p == MAP_FAILED ? -1 : 0;
		});
	}
}

#endif
