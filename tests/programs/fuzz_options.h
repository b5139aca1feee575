// SPDX-License-Identifier: GPL-2.0
/*
 * The fuzzer's calls that set and ask: options of both levels, memory regions, information records,
 * ioctls. Part of fuzz_worker.
 */
#ifndef TESTS_PROGRAMS_FUZZ_OPTIONS_H
#define TESTS_PROGRAMS_FUZZ_OPTIONS_H

#include <linux/sockios.h>
#include <net/if.h>

#include "fuzz_worker.h"

/* With the length and the place of the value spoiled now and then. */
inline long fuzz_worker::set(kind k, int level, int name, const void *data, std::size_t n,
			     bool may_spoil)
{
	std::uint8_t value[256]{};
	std::memcpy(value, data, n);
	place p = memory_.put(r_, value, may_spoil ? 200 : n);
	socklen_t len = static_cast<socklen_t>(n);
	if (may_spoil && r_.one_in(6))
		len = static_cast<socklen_t>(r_.one_in(3) ? r_.number() : r_.below(200));
	watch_.say("place %zu level %d option %d value %#x at %p length %u", place_, level, name,
		   value[0] | value[1] << 8 | value[2] << 16 | value[3] << 24, p.at, len);
	return make(k, [&] { return ::setsockopt(fd_, level, name, p.at, len); });
}

inline void fuzz_worker::set_rds()
{
	int value = r_.one_in(4) ? static_cast<int>(r_.number()) : static_cast<int>(r_.below(3));
	switch (r_.below(9)) {
	case 0:
	case 1: {
		fuzz_address a = spoil(r_, some_destination(), 5);
		std::size_t n = a.len <= sizeof(a.bytes) ? a.len : 28;
		set(kind::cancel, SOL_RDS, RDS_CANCEL_SENT_TO, &a.bytes, n);
		break;
	}
	case 2:
		set(kind::recverr, SOL_RDS, RDS_RECVERR, &value, sizeof(value));
		break;
	case 3:
		set(kind::monitor, SOL_RDS, RDS_CONG_MONITOR, &value, sizeof(value));
		break;
	case 4: {
		owned_fd fresh;
		if (r_.percent(70)) { /* others are bound already, mostly */
			fresh = use_fresh();
			value = r_.percent(70) ? RDS_TRANS_TCP : value;
		}
		set(kind::transport, SOL_RDS, SO_RDS_TRANSPORT, &value, sizeof(value));
		break;
	}
	case 5: {
		rds_rx_trace_so trace{};
		trace.rx_traces = static_cast<std::uint8_t>(r_.below(5));
		for (std::uint8_t &pos : trace.rx_trace_pos)
			pos = static_cast<std::uint8_t>(r_.one_in(8) ? r_.next() : r_.below(3));
		set(kind::latency, SOL_RDS, SO_RDS_MSG_RXPATH_LATENCY, &trace, sizeof(trace));
		break;
	}
	case 6:
		set(kind::rds_timestamp, SOL_RDS,
		    r_.one_in(2) ? SO_TIMESTAMP_OLD : SO_TIMESTAMP_NEW, &value, sizeof(value));
		break;
	default: {
		int name = r_.of<int>({0, 4, 9, 11, 12, 28, 30, 62, 64, 10000, 10017, -1});
		set(kind::set_unknown, r_.one_in(4) ? 275 : SOL_RDS, name, &value, sizeof(value));
	}
	}
}

inline void fuzz_worker::set_mr()
{
	rds_get_mr_for_dest_args args{};
	args.vec.addr = reinterpret_cast<std::uint64_t>(
		r_.percent(70) ? memory_.aligned() + r_.below(16) : memory_.bad(r_));
	args.vec.bytes = r_.percent(70) ? 1 + r_.below(8000) : r_.number();
	args.cookie_addr = reinterpret_cast<std::uint64_t>(r_.percent(80) ? memory_.aligned()
									  : memory_.bad(r_));
	args.flags = r_.percent(80) ? r_.below(64) : r_.next();
	rds_free_mr_args gone{r_.percent(70) ? r_.below(8) : r_.number(), r_.below(8)};
	switch (r_.below(3)) {
	case 0:
		set(kind::get_mr, SOL_RDS, RDS_GET_MR, &args.vec, sizeof(rds_get_mr_args));
		break;
	case 1: {
		fuzz_address a = some_destination();
		std::memcpy(&args.dest_addr, &a.bytes, sizeof(args.dest_addr));
		set(kind::get_mr_for_dest, SOL_RDS, RDS_GET_MR_FOR_DEST, &args, sizeof(args));
		break;
	}
	default:
		set(kind::free_mr, SOL_RDS, RDS_FREE_MR, &gone, sizeof(gone));
	}
}

inline void fuzz_worker::set_generic()
{
	int value = r_.percent(60) ? static_cast<int>(r_.below(3)) : static_cast<int>(r_.number());
	switch (r_.below(5)) {
	case 0: {
		if (r_.percent(60))
			value = static_cast<int>(r_.below(1 << 19));
		int name = r_.of<int>({SO_SNDBUF, SO_RCVBUF, SO_SNDBUFFORCE, SO_RCVBUFFORCE});
		bool forced = name == SO_SNDBUFFORCE || name == SO_RCVBUFFORCE;
		if (forced) /* 2 MiB and no more for each of the sockets */
			value &= (1 << 21) - 1;
		set(kind::buffers, SOL_SOCKET, name, &value, sizeof(value), !forced);
		break;
	}
	case 1: {
		timeval tv{0, static_cast<suseconds_t>(r_.below(30000))};
		if (r_.one_in(6))
			tv = {static_cast<time_t>(r_.number()),
			      static_cast<suseconds_t>(r_.number())};
		set(kind::timeouts, SOL_SOCKET, r_.one_in(2) ? SO_RCVTIMEO : SO_SNDTIMEO, &tv,
		    sizeof(tv));
		break;
	}
	case 2:
		set(kind::timestamps, SOL_SOCKET,
		    r_.of<int>({SO_TIMESTAMP_OLD, SO_TIMESTAMP_NEW, SO_TIMESTAMPNS_OLD,
				SO_TIMESTAMPNS_NEW}),
		    &value, sizeof(value));
		break;
	case 3:
		set(kind::zerocopy, SOL_SOCKET, SO_ZEROCOPY, &value, sizeof(value));
		break;
	default:
		set(kind::set_generic, SOL_SOCKET,
		    r_.of<int>({SO_REUSEADDR, SO_REUSEPORT, SO_PEEK_OFF, SO_BINDTODEVICE, SO_MARK,
				SO_PRIORITY, SO_KEEPALIVE, SO_RCVLOWAT, SO_BROADCAST, SO_OOBINLINE,
				SO_RXQ_OVFL, SO_INCOMING_CPU, SO_PASSCRED, SO_BUSY_POLL,
				SO_TIMESTAMPING}),
		    &value, sizeof(value));
	}
}

inline void fuzz_worker::get_some()
{
	bool generic = r_.one_in(3);
	kind k = generic ? kind::get_generic
			 : r_.of({kind::get_recverr, kind::get_transport, kind::get_unknown});
	int name = k == kind::get_recverr     ? RDS_RECVERR
		   : k == kind::get_transport ? SO_RDS_TRANSPORT
		   : generic ? r_.of<int>({SO_DOMAIN, SO_TYPE, SO_PROTOCOL, SO_ERROR, SO_ACCEPTCONN,
					   SO_SNDBUF, SO_RCVBUF, SO_MEMINFO, SO_COOKIE, SO_ZEROCOPY,
					   SO_TIMESTAMP, SO_PEEK_OFF, SO_NETNS_COOKIE})
			     : r_.of<int>({1, 2, 3, 4, 6, 7, 9, 10, 11, 29, 63, 9999, 10018});
	std::size_t n = r_.percent(80) ? 4 + r_.below(60) : r_.below(4);
	place room = memory_.room(r_, n);
	socklen_t len = static_cast<socklen_t>(r_.one_in(10) ? r_.number() : n);
	std::size_t given = len;
	place length = memory_.put(r_, &len, sizeof(len));
	auto *lp = reinterpret_cast<socklen_t *>(length.at);
	watch_.say("place %zu option %d room %p length %u at %p", place_, name, room.at, len, lp);
	long result = make(k, [&] {
		return ::getsockopt(fd_, generic ? SOL_SOCKET : SOL_RDS, name, room.at, lp);
	});
	if (result || !length.writable || fuzz_memory::is_shared(length.at) || given != n)
		return;
	must(!fuzz_memory::spilled(room, *lp, n), "nothing behind the value");
	if (!room.guarded || *lp < sizeof(int))
		return;
	int value;
	std::memcpy(&value, room.at, sizeof(value));
	if (generic && name == SO_ERROR)
		must(!value, "SO_ERROR is 0");
	if (generic && name == SO_TYPE)
		must(value == SOCK_SEQPACKET, "SO_TYPE is SEQPACKET");
	if (k == kind::get_recverr)
		must(value == 0 || value == 1, "RECVERR is a boolean");
	if (k == kind::get_transport)
		must(value >= -1 && value <= 3, "a transport of the list");
}

inline void fuzz_worker::get_info()
{
	int name = static_cast<int>(10000 + r_.below(18));
	std::size_t n = r_.percent(60) ? 16384 + r_.below(32768) : r_.below(300);
	bool probe = r_.one_in(5);
	place room = probe ? place{memory_.bad(r_), false} : memory_.room(r_, n);
	socklen_t len = static_cast<socklen_t>(probe ? 0 : r_.one_in(12) ? r_.number() : n);
	std::size_t given = len;
	place length = memory_.put(r_, &len, sizeof(len));
	auto *lp = reinterpret_cast<socklen_t *>(length.at);
	watch_.say("place %zu info %d room %p length %u at %p", place_, name, room.at, len, lp);
	bool shared = fuzz_memory::is_shared(length.at);
	long result = make(probe && !shared ? kind::info_probe : kind::info,
			   [&] { return ::getsockopt(fd_, SOL_RDS, name, room.at, lp); });
	if (!length.writable || shared || probe || given != n)
		return;
	if (result > 0) {
		must(*lp <= n, "no more records than there is room for");
		must(!fuzz_memory::spilled(room, *lp, n), "nothing behind the records");
		must(!(*lp % static_cast<socklen_t>(result)), "whole records");
	} else if (result == -ENOSPC) {
		must(*lp > n, "what is needed is more");
		must(!fuzz_memory::spilled(room, n, n), "nothing behind the room");
	}
	must(result, "success is the size of a record");
}

inline void fuzz_worker::ioctls()
{
	ifreq device{};
	std::strcpy(device.ifr_name, r_.of<const char *>({"lo", "fz0", "none", ""}));
	device.ifr_ifindex = r_.one_in(2) ? 1 : device.ifr_ifindex;
	std::uint8_t value[64]{};
	std::memcpy(value, &device, sizeof(device));
	unsigned long number = 0;
	owned_fd fresh;
	kind k;
	switch (r_.below(6)) {
	case 0:
		number = SIOCRDSSETTOS;
		if (r_.percent(70)) { /* not on one that has sent */
			int tcp = RDS_TRANS_TCP;
			fresh = use_fresh();
			::setsockopt(fd_, SOL_RDS, SO_RDS_TRANSPORT, &tcp, sizeof(tcp));
		}
		value[0] = static_cast<std::uint8_t>(r_.one_in(2) ? r_.next() : 0);
		k = kind::set_tos;
		break;
	case 1:
		number = SIOCRDSGETTOS;
		k = kind::get_tos;
		break;
	case 2:
		number = FIONBIO;
		value[0] = r_.one_in(8);
		value[1] = value[2] = value[3] = 0;
		k = kind::nonblock;
		break;
	case 3:
		number = r_.of<unsigned long>(
			{SIOCGIFINDEX, SIOCGIFNAME, SIOCGIFFLAGS, SIOCGIFMTU});
		k = kind::ioctl_device;
		break;
	default:
		number = r_.of<unsigned long>({FIONREAD, SIOCOUTQ, SIOCATMARK, SIOCGSTAMP_OLD,
					       SIOCGIFADDR, SIOCPROTOPRIVATE + 2,
					       SIOCPROTOPRIVATE + 15, 0xffffffff});
		k = kind::ioctl_none;
	}
	place p = memory_.put(r_, value, sizeof(value));
	watch_.say("place %zu ioctl %#lx value %u at %p", place_, number, value[0], p.at);
	make(k, [&] { return ::ioctl(fd_, number, p.at); });
}

#endif
