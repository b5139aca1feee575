/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A transport in miniature around rds::stream: takes pieces of a byte stream, keeps
 * payload, notes what it would have delivered. For tests and fuzzers only.
 */
#pragma once

#include <array>
#include <cstring>
#include <vector>

#include <rds/stream.h>

#include "hex.h"

namespace test {

struct delivery {
	std::array<std::uint8_t, RDS_HEADER_BYTES> raw;
	rds::stream_kind kind;
	bytes payload;

	bool operator==(const delivery &) const = default;

	rds_header header() const
	{
		rds_header hdr;

		std::memcpy(&hdr, raw.data(), sizeof(hdr));
		return hdr;
	}
};

struct driver {
	rds::stream stream;
	bytes payload; /* of the message being received */
	std::vector<delivery> delivered;
	std::size_t most_kept = 0;

	/* How many bytes were consumed: all, unless the stream failed. */
	std::size_t feed(const std::uint8_t *data, std::size_t len)
	{
		std::size_t pos = 0;

		while (pos < len && stream.error() == rds::stream_error::none) {
			if (stream.wants_header())
				pos += take_header(data + pos, len - pos);
			else
				pos += take_payload(data + pos, len - pos);
			if (stream.complete())
				deliver();
		}
		return pos;
	}

	std::size_t feed(const bytes &data) { return feed(data.data(), data.size()); }

	/* Both ways of filling the header must come to the same; take turns. */
	std::size_t take_header(const std::uint8_t *data, std::size_t len)
	{
		std::size_t used = len < stream.hdr_rem ? len : stream.hdr_rem;

		copies_itself = !copies_itself;
		if (!copies_itself)
			return stream.take_header(data, len);
		std::memcpy(stream.header_space(), data, used);
		stream.header_filled(used);
		return used;
	}

	std::size_t take_payload(const std::uint8_t *data, std::size_t len)
	{
		bool keep = !stream.discard();
		std::size_t used = stream.take_payload(len);

		if (keep)
			payload.insert(payload.end(), data, data + used);
		if (payload.size() > most_kept)
			most_kept = payload.size();
		return used;
	}

	void deliver()
	{
		delivery got{{}, stream.kind(), payload};

		std::memcpy(got.raw.data(), &stream.header, sizeof(stream.header));
		delivered.push_back(got);
		payload.clear();
		stream.reset();
	}

	bool copies_itself = false;
};

} // namespace test
