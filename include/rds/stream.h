/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Cuts the byte stream of one RDS-TCP lane into messages. The TCP transport drives it
 * with whatever pieces arrive, from the data-ready callback or the receive worker, under
 * the lane's socket lock. It holds the header and counts; payload it never sees, the
 * transport keeps (or skips) what the stream says.
 *
 *	while there are bytes, or complete():
 *		error()         -> drop the connection, reset()
 *		wants_header()  -> fill header_space(), then header_filled()
 *		wants_payload() -> keep the bytes unless discard(), then take_payload()
 *		complete()      -> deliver according to kind(), reset()
 *
 * A caller that lacks memory for a piece simply does not take it: nothing is consumed.
 */
#pragma once

#include <cstddef>
#include <cstdint>

#include <rds/csum.h>
#include <rds/header.h>
#include <rds/wire.h>

namespace rds {

/* Both are the peer's fault and end the connection. */
enum class stream_error : std::uint8_t {
	none,
	bad_length, /* more payload than any message may have */
	bad_checksum, /* present, and wrong */
};

/* What a complete message is for. */
enum class stream_kind : std::uint8_t {
	message, /* keep the payload, give it to the receive path */
	map, /* keep the payload: congestion map of the peer's address */
	ping, /* header to the receive path; payload means nothing */
	ignore, /* a map of the wrong size: neither */
};

[[nodiscard]] inline stream_kind kind_of(const rds_header &header)
{
	if (is_congestion_map(header))
		return header.h_len == kernel::be32(RDS_CONG_MAP_BYTES) ? stream_kind::map
									: stream_kind::ignore;
	return is_ping(header) ? stream_kind::ping : stream_kind::message;
}

struct stream {
	rds_header header{};
	std::uint32_t hdr_rem = RDS_HEADER_BYTES; /* header bytes missing */
	std::uint32_t data_rem = 0; /* payload bytes missing */
	stream_error failure = stream_error::none;

	/* Forget the message, whole or partial: the next byte begins a header. */
	void reset()
	{
		hdr_rem = RDS_HEADER_BYTES;
		data_rem = 0;
		failure = stream_error::none;
	}

	[[nodiscard]] stream_error error() const { return failure; }
	[[nodiscard]] bool wants_header() const { return hdr_rem != 0; }
	[[nodiscard]] bool wants_payload() const { return data_rem != 0; }
	/* Between two messages. For tests: a transport just goes on. */
	[[nodiscard]] bool idle() const { return hdr_rem == RDS_HEADER_BYTES; }

	[[nodiscard]] bool complete() const
	{
		return hdr_rem == 0 && data_rem == 0 && failure == stream_error::none;
	}

	/* Where the next header byte goes; there is room for hdr_rem bytes. */
	[[nodiscard]] std::uint8_t *header_space()
	{
		return reinterpret_cast<std::uint8_t *>(&header) + (RDS_HEADER_BYTES - hdr_rem);
	}

	/* n bytes have been written to header_space(), at most hdr_rem. */
	void header_filled(std::size_t n)
	{
		if (hdr_rem == 0)
			return;
		hdr_rem -= static_cast<std::uint32_t>(n < hdr_rem ? n : hdr_rem);
		if (hdr_rem == 0)
			check_header();
	}

	/*
	 * Copies what the header still needs and says how much of n that was. For whoever has the
	 * bytes in memory: tests and fuzzers; a transport has them in its own buffers.
	 */
	std::size_t take_header(const std::uint8_t *bytes, std::size_t n)
	{
		std::size_t used = n < hdr_rem ? n : hdr_rem;

		if (used == 0)
			return 0;
		__builtin_memcpy(header_space(), bytes, used);
		header_filled(used);
		return used;
	}

	/* n payload bytes are there: how many belong to this message. */
	std::size_t take_payload(std::size_t n)
	{
		std::size_t used = n < data_rem ? n : data_rem;

		data_rem -= static_cast<std::uint32_t>(used);
		return used;
	}

	/* The three below are valid once the header is complete and without error. */

	[[nodiscard]] stream_kind kind() const { return kind_of(header); }

	/* Payload is to be skipped, not kept: nobody will read it. */
	[[nodiscard]] bool discard() const
	{
		return kind() == stream_kind::ping || kind() == stream_kind::ignore;
	}

	/* Bytes of payload to reserve room for. */
	[[nodiscard]] std::uint32_t keep() const { return discard() ? 0 : header.h_len.host(); }

private:
	/* On failure data_rem stays 0, so that nothing more of this stream is taken. */
	void check_header()
	{
		std::uint32_t len = header.h_len.host();

		if (!header_csum_ok(header))
			failure = stream_error::bad_checksum;
		else if (len > RDS_MAX_MSG_SIZE)
			failure = stream_error::bad_length;
		else
			data_rem = len;
	}
};

} // namespace rds
