/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Message numbers of one lane, both directions, and the cadence of requested acks.
 * The lane that owns one of these guards it: send side with the lock of its queue (ack
 * cadence: the send engine's semaphore), receive side with what serialises its receiving.
 */
#pragma once

#include <cstdint>

#include <rds/wire.h>

namespace rds {

/* Next number to give out; outlives reconnects. */
struct send_sequence {
	std::uint64_t next = 1;

	/* For the message being appended to the queue. */
	[[nodiscard]] constexpr std::uint64_t take() { return next++; }

	/* Only when the peer has restarted. */
	constexpr void restart() { next = 1; }
};

/* Next number expected; outlives reconnects. */
struct recv_sequence {
	std::uint64_t next = 0;

	/*
	 * False: the message is a repetition of one already received. A low number alone
	 * does not make it one, that is a rebooted peer; so `next` may go backwards.
	 * Congestion maps and ack-only frames are outside the numbering: don't ask.
	 */
	[[nodiscard]] constexpr bool accept(std::uint64_t sequence, std::uint8_t flags)
	{
		if (sequence < next && (flags & RDS_FLAG_RETRANSMITTED))
			return false;
		next = sequence + 1;
		return true;
	}

	/* Only when the peer has restarted. */
	constexpr void restart() { next = 0; }
};

/* Says which messages ask for an ack; what remains until the next one. */
struct ack_cadence {
	std::uint32_t packets = 0;
	std::uint32_t bytes = 0;

	/* The engine has picked a message of `len` payload bytes: does it ask? */
	[[nodiscard]] constexpr bool ask(std::uint32_t len, std::uint32_t max_packets,
					 std::uint32_t max_bytes)
	{
		if (packets == 0 || bytes < len) {
			reload(max_packets, max_bytes);
			return true;
		}
		packets--;
		bytes -= len;
		return false;
	}

	/* After a lane reset: everything retransmitted asks for an ack anyway. */
	constexpr void reload(std::uint32_t max_packets, std::uint32_t max_bytes)
	{
		packets = max_packets;
		bytes = max_bytes;
	}
};

} // namespace rds
