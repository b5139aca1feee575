// SPDX-License-Identifier: GPL-2.0
/*
 * The fuzzer's calls that receive: every form of the call, flags, rooms of all sizes; each byte that
 * comes back is looked at, and those around it. Part of fuzz_worker.
 */
#ifndef TESTS_PROGRAMS_FUZZ_RECEIVE_H
#define TESTS_PROGRAMS_FUZZ_RECEIVE_H

#include "fuzz_worker.h"

inline int fuzz_worker::receive_flags()
{
	int flags = r_.percent(85) ? MSG_DONTWAIT : 0;
	if (r_.percent(75))
		return flags;
	return flags | r_.of<int>({MSG_PEEK, MSG_TRUNC, MSG_PEEK | MSG_TRUNC, MSG_OOB, MSG_ERRQUEUE,
				   MSG_WAITALL, MSG_NOSIGNAL, MSG_CMSG_CLOEXEC, MSG_EOR,
				   static_cast<int>(r_.next() & 0x3fffffff)});
}

inline void fuzz_worker::note_receive(long result, int flags)
{
	if (flags & MSG_DONTWAIT)
		must(result != -ETIMEDOUT && result != -EINTR, "a call that may not wait does not");
	else if (result == -ETIMEDOUT)
		judge_.seen(kind::recv_wait, ETIMEDOUT);
}

/* recv, recvfrom and read */
inline void fuzz_worker::receive_plain()
{
	std::size_t n = length();
	int flags = receive_flags();
	place room = memory_.room(r_, n);
	sockaddr_storage name;
	socklen_t len = sizeof(name);
	std::memset(&name, fuzz_memory::poison, sizeof(name));
	std::size_t form = r_.below(6);
	kind k = form == 0 ? kind::read : form < 3 ? kind::recv : kind::recvfrom;
	flags = k == kind::read ? 0 : flags;
	watch_.say("place %zu %zu bytes at %p flags %#x", place_, n, room.at, flags);
	long result = make(k, [&] {
		if (k == kind::read)
			return ::read(fd_, room.at, n);
		return k == kind::recv ? ::recv(fd_, room.at, n, flags)
				       : ::recvfrom(fd_, room.at, n, flags,
						    reinterpret_cast<sockaddr *>(&name), &len);
	});
	note_receive(result, flags);
	/* somebody else may have made it non-blocking, or asked for a time-out */
	if (result == -EFAULT) {
		must(armed_ || !room.writable, "good memory is written to");
		return;
	}
	std::size_t written = result > 0 ? static_cast<std::size_t>(result) : 0;
	must(!fuzz_memory::spilled(room, written, n), "nothing behind the data");
	must(result <= static_cast<long>(n) || flags & MSG_TRUNC, "no more than there is room for");
	if (room.guarded && written && written < n) {
		must(fuzz_memory::whole(room.at, written), "the payload is whole");
		judge_.seen(kind::got_whole);
	}
	if (k != kind::recvfrom || result < 0)
		return;
	must(len == 0 || len == 16 || len == 28, "name length 0, 16 or 28");
	const auto *raw = reinterpret_cast<const std::uint8_t *>(&name);
	for (std::size_t i = len; i < sizeof(name); i++)
		must(raw[i] == fuzz_memory::poison, "nothing behind the name");
}

inline void fuzz_worker::check_control(const msghdr &msg)
{
	const auto *at = static_cast<const std::uint8_t *>(msg.msg_control);
	std::size_t left = msg.msg_controllen;
	while (left >= sizeof(cmsghdr)) {
		cmsghdr head;
		std::memcpy(&head, at, sizeof(head));
		if (head.cmsg_len < sizeof(head) || head.cmsg_len > left) {
			must(false, "control messages lie within the control data");
			return;
		}
		std::size_t n = head.cmsg_len - CMSG_LEN(0), want = 0;
		std::uint64_t key = static_cast<std::uint64_t>(head.cmsg_level) << 32 |
				    static_cast<std::uint32_t>(head.cmsg_type);
		constexpr std::uint64_t rds = 276ull << 32, socket = 1ull << 32;
		switch (key) {
		case rds | RDS_CMSG_CONG_UPDATE:
			judge_.seen(kind::got_congestion);
			want = 8;
			break;
		case rds | RDS_CMSG_RDMA_DEST:
			want = 8;
			break;
		case rds | RDS_CMSG_RDMA_STATUS:
			want = 16;
			break;
		case rds | RDS_CMSG_RXPATH_LATENCY:
			judge_.seen(kind::got_latency);
			want = 32;
			break;
		case rds | RDS_CMSG_ZCOPY_COMPLETION:
			judge_.seen(kind::got_completion);
			want = 36;
			break;
		case socket | SO_TIMESTAMP_OLD:
			judge_.seen(kind::got_timestamp);
			want = 16;
			break;
		case socket | SO_TIMESTAMP_NEW:
			judge_.seen(kind::got_timestamp_new);
			want = 16;
			break;
		default:
			must(false, "a control message of a known type");
		}
		must(n == want || (n < want && msg.msg_flags & MSG_CTRUNC),
		     "a control message of the right length");
		std::size_t space = CMSG_ALIGN(head.cmsg_len);
		if (space >= left)
			return;
		at += space;
		left -= space;
	}
}

inline void fuzz_worker::check_message(const msghdr &msg, int flags)
{
	int known = MSG_TRUNC | MSG_CTRUNC | (flags & MSG_CMSG_CLOEXEC);
	must(!(msg.msg_flags & ~known), "msg_flags has no unknown bit");
	if (msg.msg_flags & MSG_TRUNC)
		judge_.seen(kind::got_truncated);
	if (msg.msg_flags & MSG_CTRUNC)
		judge_.seen(kind::got_control_cut);
}

inline void fuzz_worker::receive_message()
{
	std::size_t controls = r_.below(400);
	if (r_.one_in(4))
		controls = r_.of<std::size_t>({0, 15, 16, 23, 24, 55, 56, 63});
	receive_room(length(), r_.below(129), controls, receive_flags());
}

/* Rooms for data, name and control data, and a look at what was written into them. */
inline long fuzz_worker::receive_room(std::size_t n, std::size_t names, std::size_t controls,
				      int flags)
{
	place data = memory_.room(r_, n);
	place name = name_room_.put(r_, names), control = control_room_.put(r_, controls);
	iovec pieces[4];
	std::size_t count = 1 + r_.below(4), at = 0;
	for (std::size_t i = 0; i < count; i++) {
		std::size_t part = i + 1 == count ? n - at : r_.below(n - at + 1);
		pieces[i] = {data.at + at, part};
		at += part;
	}
	msghdr msg{};
	msg.msg_name = name.at;
	msg.msg_namelen = static_cast<socklen_t>(r_.one_in(60) ? r_.number() : names);
	std::size_t given = msg.msg_namelen;
	msg.msg_iov = pieces;
	msg.msg_iovlen = r_.one_in(100) ? r_.number() : count;
	msg.msg_control = control.at;
	msg.msg_controllen = r_.one_in(60) ? r_.number() : controls;
	bool plain = given == names && msg.msg_iovlen == count && msg.msg_controllen == controls;
	watch_.say("place %zu data %zu at %p name %zu at %p control %zu at %p flags %#x", place_, n,
		   data.at, given, name.at, static_cast<std::size_t>(msg.msg_controllen),
		   control.at, flags);
	long result = make(kind::recvmsg, [&] { return ::recvmsg(fd_, &msg, flags); });
	note_receive(result, flags);
	if (!plain)
		return result;
	if (result == -EFAULT) {
		must(armed_ || !data.writable || !name.writable || !control.writable,
		     "good memory is written to");
		return result;
	}
	std::size_t written = result > 0 ? static_cast<std::size_t>(result) : 0;
	must(!fuzz_memory::spilled(data, written, n), "nothing behind the data");
	must(result <= static_cast<long>(n) || flags & MSG_TRUNC, "no more than there is room for");
	if (result < 0)
		return result;
	check_message(msg, flags);
	if (name.guarded) {
		must(msg.msg_namelen == 0 || msg.msg_namelen == 16 || msg.msg_namelen == 28,
		     "name length 0, 16 or 28");
		must(!fuzz_memory::spilled(name, msg.msg_namelen, names),
		     "nothing behind the name");
		must(msg.msg_namelen || !result, "no data without a name");
	}
	if (control.guarded) {
		must(msg.msg_controllen <= controls, "no more control data than there is room for");
		must(!fuzz_memory::spilled(control, msg.msg_controllen, controls),
		     "nothing behind the control data");
		check_control(msg);
	}
	if (data.guarded && written && written <= n && !(msg.msg_flags & MSG_TRUNC)) {
		must(fuzz_memory::whole(data.at, written), "the payload is whole");
		judge_.seen(kind::got_whole);
	}
	return result;
}

inline void fuzz_worker::receive_many()
{
	place room = memory_.room(r_, 4096);
	iovec iov{room.at, 4096};
	mmsghdr many[4]{};
	for (mmsghdr &m : many) {
		m.msg_hdr.msg_iov = &iov;
		m.msg_hdr.msg_iovlen = 1;
	}
	timespec limit{0, 1000000};
	int flags = MSG_DONTWAIT | (r_.one_in(2) ? MSG_WAITFORONE : 0);
	watch_.say("place %zu at %p", place_, room.at);
	long result = make(kind::recvmmsg, [&] {
		return ::recvmmsg(fd_, many, 4, flags, r_.one_in(2) ? &limit : nullptr);
	});
	note_receive(result, flags);
	for (long i = 0; i < result; i++)
		check_message(many[i].msg_hdr, flags);
}

/* Until there is nothing: this ends congestion. */
inline void fuzz_worker::receive_all()
{
	char byte;
	watch_.say("place %zu, drained", place_);
	for (int i = 0; i < 500; i++)
		if (make(kind::recv, [&] { return ::recv(fd_, &byte, 1, MSG_DONTWAIT); }) < 0)
			return;
}

#endif
