/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Puts the SENDs of one RDS connection over InfiniBand together to messages. Each SEND begins with a
 * whole header and carries at most 4096 bytes; those of one message follow each other. The receive
 * half of the transport drives it, one completion after the other; payload it never sees. ib.md 11
 * and 13. What is wrong here is the peer's fault and ends the connection.
 */
#pragma once

#include <cstdint>

#include <rds/csum.h>
#include <rds/header.h>
#include <rds/stream.h>
#include <rds/wire.h>

namespace rds::ib {

enum class verdict : std::uint8_t {
	ack_only, /* nothing but what every header says: acknowledgement and credits */
	part, /* keep its payload, more is to come */
	complete, /* keep its payload; header() and kind() tell what all of it is */
	too_short, /* no header in it */
	bad_checksum,
	bad_length, /* of the message, or of the part: stale bytes would be delivered (I18) */
	not_its_part, /* of another message than the one that is not over */
};

[[nodiscard]] constexpr bool is_fatal(verdict v)
{
	return v >= verdict::too_short;
}

/* Headers of acknowledgements are told from others by these. */
[[nodiscard]] inline bool is_ack_only(const rds_header &hdr, std::uint32_t bytes)
{
	return bytes == RDS_HEADER_BYTES && hdr.h_sport == kernel::be16(0) &&
	       hdr.h_dport == kernel::be16(0);
}

class assembly {
public:
	/**
	 * take - the next SEND
	 * @hdr: where the completion has put it; looked at only if there is a header. @bytes: of
	 * the completion, header included. Unless the verdict is fatal, ack and credit of @hdr
	 * count. Not to be called after a fatal one but for reset().
	 */
	[[nodiscard]] verdict take(const rds_header &hdr, std::uint32_t bytes)
	{
		if (bytes < RDS_HEADER_BYTES)
			return verdict::too_short;
		if (!header_csum_ok(hdr))
			return verdict::bad_checksum;
		if (is_ack_only(hdr, bytes))
			return verdict::ack_only;
		return m_begun ? go_on(hdr, bytes) : begin(hdr, bytes);
	}

	/* The connection is lost: a part of a message is none. */
	void reset() { m_begun = false; }

	/* There is a message of which a part is missing. */
	[[nodiscard]] bool begun() const { return m_begun; }

	/* The first part's; valid after part and complete. */
	[[nodiscard]] const rds_header &header() const { return m_header; }

	[[nodiscard]] stream_kind kind() const { return kind_of(m_header); }

private:
	verdict begin(const rds_header &hdr, std::uint32_t bytes)
	{
		m_header = hdr;
		m_missing = hdr.h_len.host();
		m_begun = true;
		return m_missing <= RDS_MAX_MSG_SIZE ? add(bytes) : verdict::bad_length;
	}

	verdict go_on(const rds_header &hdr, std::uint32_t bytes)
	{
		if (hdr.h_sequence != m_header.h_sequence || hdr.h_len != m_header.h_len ||
		    hdr.h_sport != m_header.h_sport || hdr.h_dport != m_header.h_dport)
			return verdict::not_its_part;
		return add(bytes);
	}

	/* All parts but the last are full, so each has exactly what is due. */
	verdict add(std::uint32_t bytes)
	{
		std::uint32_t due = m_missing < RDS_FRAG_SIZE ? m_missing : RDS_FRAG_SIZE;

		if (bytes - RDS_HEADER_BYTES != due)
			return verdict::bad_length;
		m_missing -= due;
		m_begun = m_missing != 0;
		return m_begun ? verdict::part : verdict::complete;
	}

	rds_header m_header{};
	std::uint32_t m_missing = 0;
	bool m_begun = false;
};

/* SENDs of a message, at least one. */
[[nodiscard]] constexpr std::uint32_t parts_of(std::uint32_t len)
{
	return len <= RDS_FRAG_SIZE ? 1 : (len + RDS_FRAG_SIZE - 1) / RDS_FRAG_SIZE;
}

} // namespace rds::ib
