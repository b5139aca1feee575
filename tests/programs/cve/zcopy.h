/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Zero-copy sends and their completions, for the cases of rds-cve. One thread.
 */
#ifndef TESTS_PROGRAMS_CVE_ZCOPY_H
#define TESTS_PROGRAMS_CVE_ZCOPY_H

#include <cstring>
#include <vector>

#include "trial.h"

/* Pages that one send is charged for: one more at each end of what it may touch. */
constexpr std::size_t zcopy_charge(std::size_t bytes)
{
	return bytes / 4096 + 2;
}

inline sock zcopy_socket(const endpoint &local)
{
	sock s(local);
	s.set(SOL_SOCKET, SO_ZEROCOPY, 1);
	return s;
}

inline long zcopy_send(const sock &s, const endpoint &to, const void *data, std::size_t len,
		       std::uint32_t cookie = 1, int flags = MSG_DONTWAIT)
{
	message m(&to, data, len);
	m.add_control(SOL_RDS, RDS_CMSG_ZCOPY_COOKIE, &cookie, sizeof(cookie));
	return m.send(s, MSG_ZEROCOPY | flags);
}

/* What one look brings; empty when there is nothing. */
inline std::vector<std::uint32_t> zcopy_reap(const sock &s)
{
	std::uint8_t byte;
	message m(nullptr, &byte, 0);
	std::vector<std::uint32_t> all;

	if (m.receive(s, MSG_DONTWAIT) < 0)
		return all;
	if (const cmsghdr *c = m.find(SOL_RDS, RDS_CMSG_ZCOPY_COMPLETION)) {
		rds_zcopy_cookies batch;
		std::memcpy(&batch, CMSG_DATA(c), sizeof(batch));
		for (std::uint32_t i = 0; i < std::min<std::uint32_t>(batch.num, 8); i++)
			all.push_back(batch.cookies[i]);
	}
	return all;
}

/* Until so many have come. */
inline std::vector<std::uint32_t> zcopy_await(sock &s, std::size_t count, int ms = 10000)
{
	std::vector<std::uint32_t> all;
	stopwatch watch;

	while (all.size() < count && watch.ms() < ms) {
		s.poll(POLLIN, 50);
		auto some = zcopy_reap(s);
		all.insert(all.end(), some.begin(), some.end());
	}
	return all;
}

inline long cancel(const sock &s, const endpoint &to)
{
	return result_of(::setsockopt(s.fd(), SOL_RDS, RDS_CANCEL_SENT_TO, to.sa(), to.length()));
}

#endif
