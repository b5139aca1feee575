// SPDX-License-Identifier: GPL-2.0
/*
 * Takes a snapshot of one RDS_INFO_* list: probe its length, then read, as often as the list
 * outgrows the buffer. The system call comes in as a function, so that tests can play the kernel.
 * One thread.
 */
#ifndef RDS_TOOLS_INFO_READER_H
#define RDS_TOOLS_INFO_READER_H

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <system_error>

#include "info_records.h"

namespace rds_tools {

/*
 * call(buffer, length) is getsockopt() for one option. Throws std::system_error for every errno but
 * ENOSPC, and ELOOP if a list still outgrows us after many turns.
 */
template <typename Call>
snapshot read_snapshot(Call call)
{
	constexpr int max_turns = 40;
	constexpr std::size_t room_for_growth = 4096;
	snapshot snap;

	for (int turn = 0; turn < max_turns; turn++) {
		socklen_t len = static_cast<socklen_t>(snap.data.size());
		int result = call(snap.data.empty() ? nullptr : snap.data.data(), &len);

		if (result > 0) {
			if (len > snap.data.size())
				throw std::system_error(EPROTO, std::generic_category());
			snap.data.resize(len);
			snap.stride = static_cast<std::size_t>(result);
			return snap;
		}
		/* Without a record size the answer can't be read. */
		if (!result)
			throw std::system_error(EPROTO, std::generic_category());
		if (errno != ENOSPC)
			throw std::system_error(errno, std::generic_category());
		/*
		 * Each turn leaves more room than the last, so that a busy list is caught up with.
		 */
		snap.data.assign(len + room_for_growth * static_cast<std::size_t>(turn + 1), 0);
	}
	throw std::system_error(ELOOP, std::generic_category());
}

inline snapshot read_info(int fd, int level, int option)
{
	return read_snapshot([=](void *buffer, socklen_t *len) {
		return ::getsockopt(fd, level, option, buffer, len);
	});
}

} // namespace rds_tools

#endif
