// SPDX-License-Identifier: GPL-2.0
/*
 * The fuzzer's calls that send: every form of the call, sizes around the limits, control messages good
 * and bad, zero copy. Part of fuzz_worker.
 */
#ifndef TESTS_PROGRAMS_FUZZ_SEND_H
#define TESTS_PROGRAMS_FUZZ_SEND_H

#include "fuzz_worker.h"

inline std::size_t fuzz_worker::length()
{
	switch (r_.below(12)) {
	case 0:
		return 0;
	case 1:
		return r_.below(16);
	case 2:
		return 4096 * (1 + r_.below(16)) + r_.below(3) - 1;
	case 3:
		return r_.one_in(6) ? (1 << 20) + r_.below(3) - 1 : 65536;
	case 4:
		return 2304 + r_.below(3) - 1;
	default:
		return r_.below(4000);
	}
}

inline int fuzz_worker::send_flags()
{
	int flags = r_.percent(70) ? MSG_DONTWAIT : 0;
	return r_.one_in(30) ? flags | MSG_ZEROCOPY : flags;
}

/* What back-pressure came to counts of its own. */
inline long fuzz_worker::note_send(long result, int flags)
{
	if (result == -ENOBUFS)
		judge_.seen(kind::send_congested, ENOBUFS);
	if (result == -EAGAIN && !armed_)
		judge_.seen(kind::send_full, EAGAIN);
	if (result == -ETIMEDOUT)
		judge_.seen(kind::send_late, ETIMEDOUT);
	if (flags & MSG_DONTWAIT)
		must(result != -ETIMEDOUT && result != -EINTR, "a call that may not wait does not");
	return result;
}

inline void fuzz_worker::send_plain()
{
	std::size_t n = length();
	int flags = send_flags();
	const std::uint8_t *data = memory_.message(r_, n, flags);
	if (r_.one_in(4)) {
		watch_.say("place %zu %zu bytes at %p flags %#x", place_, n, data, flags);
		note_send(make(kind::send, [&] { return ::send(fd_, data, n, flags); }), flags);
		return;
	}
	fuzz_address a = spoil(r_, some_destination(), 16);
	place p = memory_.put(r_, &a.bytes, sizeof(a.bytes));
	watch_.say("place %zu %zu bytes at %p flags %#x to %s at %p", place_, n, data, flags,
		   a.text().c_str(), p.at);
	long result = note_send(make(kind::sendto,
				     [&] {
					     return ::sendto(fd_, data, n, flags,
							     reinterpret_cast<sockaddr *>(p.at),
							     a.len);
				     }),
				flags);
	must(result < 0 || result == static_cast<long>(n), "a message is sent whole");
}

inline void fuzz_worker::send_refused()
{
	fuzz_address a = some_destination();
	int flags = r_.of<int>({MSG_OOB, MSG_DONTROUTE, MSG_MORE, MSG_NOSIGNAL, MSG_EOR,
				MSG_CONFIRM, MSG_WAITALL, MSG_FASTOPEN, MSG_PROXY, MSG_TRUNC,
				MSG_PEEK});
	const std::uint8_t *data = memory_.payload(100);
	if (r_.one_in(3)) {
		watch_.say("place %zu", place_);
		make(kind::write, [&] { return ::write(fd_, data, 100); });
		return;
	}
	watch_.say("place %zu flags %#x", place_, flags);
	long result = make(kind::send_flags, [&] {
		return ::sendto(fd_, data, 100, flags, reinterpret_cast<sockaddr *>(&a.bytes),
				a.len);
	});
	must(result < 0, "a flag that RDS has not is refused");
}

/* A message in many pieces; sometimes too many, or one of them bad. */
inline void fuzz_worker::send_pieces()
{
	std::vector<iovec> pieces(r_.one_in(10) ? 1020 + r_.below(8) : 1 + r_.below(8));
	std::size_t n = length(), at = 0;
	int flags = send_flags();
	bool spoiled = r_.one_in(12);
	auto *data = spoiled || flags & MSG_ZEROCOPY
			     ? memory_.unmarked()
			     : const_cast<std::uint8_t *>(memory_.payload(n));
	for (iovec &v : pieces) {
		std::size_t part = &v == &pieces.back() ? n - at : r_.below((n - at) / 2 + 1);
		v = {data + at, part};
		at += part;
	}
	if (spoiled)
		r_.any(pieces) = {memory_.bad(r_), r_.number()};
	fuzz_address a = spoil(r_, some_destination(), 30);
	msghdr msg{};
	msg.msg_name = &a.bytes;
	msg.msg_namelen = a.len;
	msg.msg_iov = pieces.data();
	msg.msg_iovlen = r_.one_in(50) ? r_.number() : pieces.size();
	msg.msg_flags = static_cast<int>(r_.next());
	watch_.say("place %zu %zu bytes in %zu pieces flags %#x to %s", place_, n, pieces.size(),
		   flags, a.text().c_str());
	note_send(make(kind::sendmsg, [&] { return ::sendmsg(fd_, &msg, flags); }), flags);
}

inline void fuzz_worker::send_many()
{
	std::size_t n = length();
	iovec iov{const_cast<std::uint8_t *>(memory_.message(r_, n)), n};
	fuzz_address a = some_destination();
	mmsghdr many[3]{};
	for (mmsghdr &m : many) {
		m.msg_hdr.msg_name = &a.bytes;
		m.msg_hdr.msg_namelen = a.len;
		m.msg_hdr.msg_iov = &iov;
		m.msg_hdr.msg_iovlen = 1;
	}
	unsigned int count = r_.one_in(3) ? 1 + static_cast<unsigned int>(r_.below(3)) : 1;
	watch_.say("place %zu %u messages of %zu bytes to %s", place_, count, n, a.text().c_str());
	long result = make(kind::sendmmsg,
			   [&] { return ::sendmmsg(fd_, many, count, MSG_DONTWAIT); });
	note_send(result, MSG_DONTWAIT);
}

/* @well: nothing but the control messages can be at fault. */
inline void fuzz_worker::send_with(kind k, const fuzz_control &control, int flags, bool well)
{
	std::size_t n = well ? 1 + r_.below(8000) : length();
	const std::uint8_t *data = memory_.message(r_, n, flags);
	if (well)
		data = flags & MSG_ZEROCOPY ? memory_.unmarked() : memory_.payload(n);
	iovec iov{const_cast<std::uint8_t *>(data), n};
	fuzz_address a = some_destination();
	if (!well)
		a = spoil(r_, a, 20);
	std::size_t shift = !well && r_.one_in(10) ? 1 + r_.below(7) : 0;
	std::vector<std::uint8_t> bytes(shift + control.bytes().size());
	std::copy(control.bytes().begin(), control.bytes().end(), bytes.begin() + shift);
	msghdr msg{};
	msg.msg_name = &a.bytes;
	msg.msg_namelen = a.len;
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	msg.msg_control = bytes.data() + shift;
	msg.msg_controllen = bytes.size() - shift;
	if (!well) {
		place p = memory_.put(r_, bytes.data() + shift,
				      std::min<std::size_t>(msg.msg_controllen, 4000));
		if (r_.one_in(3))
			msg.msg_control = p.at;
		if (r_.one_in(30))
			msg.msg_controllen = r_.number();
	}
	watch_.say("place %zu %zu bytes flags %#x to %s control%s", place_, n, flags,
		   a.text().c_str(), control.text().c_str());
	note_send(make(k, [&] { return ::sendmsg(fd_, &msg, flags); }), flags);
}

inline void fuzz_worker::send_control()
{
	fuzz_control control(r_, memory_);
	control.random();
	int flags = (r_.percent(90) ? MSG_DONTWAIT : 0) | (r_.one_in(3) ? MSG_ZEROCOPY : 0);
	send_with(kind::send_control, control, flags, r_.one_in(2));
}

/* One control message that is right in itself. */
inline void fuzz_worker::send_well()
{
	fuzz_control control(r_, memory_);
	if (r_.one_in(5)) {
		control.good(RDS_CMSG_ZCOPY_COOKIE);
		send_with(kind::send_zerocopy, control, MSG_DONTWAIT | MSG_ZEROCOPY, true);
		return;
	}
	if (r_.one_in(8)) {
		control.foreign();
		send_with(kind::send_foreign, control, MSG_DONTWAIT, true);
		return;
	}
	int type = r_.of<int>({RDS_CMSG_RDMA_ARGS, RDS_CMSG_RDMA_DEST, RDS_CMSG_RDMA_MAP,
			       RDS_CMSG_ATOMIC_FADD, RDS_CMSG_ATOMIC_CSWP,
			       RDS_CMSG_MASKED_ATOMIC_FADD, RDS_CMSG_MASKED_ATOMIC_CSWP});
	kind k = type == RDS_CMSG_RDMA_ARGS   ? kind::send_rdma
		 : type == RDS_CMSG_RDMA_DEST ? kind::send_dest
		 : type == RDS_CMSG_RDMA_MAP  ? kind::send_map
					      : kind::send_atomic;
	control.good(type);
	send_with(k, control, MSG_DONTWAIT, true);
}

inline void fuzz_worker::splice_some()
{
	int ends[2];
	if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		return;
	owned_fd out(ends[0]), in(ends[1]);
	watch_.say("place %zu", place_);
	if (r_.one_in(2)) {
		make(kind::splice, [&] {
			return ::splice(fd_, nullptr, in.get(), nullptr, 4096, SPLICE_F_NONBLOCK);
		});
		return;
	}
	[[maybe_unused]] ssize_t n = ::write(in.get(), memory_.payload(3000), 3000);
	unsigned int more = r_.one_in(2) ? SPLICE_F_MORE : 0;
	make(kind::splice, [&] {
		return ::splice(out.get(), nullptr, fd_, nullptr, 3000, SPLICE_F_NONBLOCK | more);
	});
}

#endif
