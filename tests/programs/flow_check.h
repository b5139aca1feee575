// SPDX-License-Identifier: GPL-2.0
/*
 * The judge of a flow: knows from the plan which message must come next and tells loss,
 * repetition, disorder, wrong lengths and wrong bytes apart. Used by rds-xfer, one judge for each
 * flow and thread; only the sums are shared.
 */
#ifndef TESTS_PROGRAMS_FLOW_CHECK_H
#define TESTS_PROGRAMS_FLOW_CHECK_H

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "sha256.h"
#include "traffic.h"

/* What went wrong on all flows together. */
struct flow_errors {
	std::atomic<std::uint64_t> lost{0}, duplicate{0}, reordered{0}, corrupt{0}, length{0};

	std::uint64_t sum() const { return lost + duplicate + reordered + corrupt + length; }
};

/* How the sender ends a flow, and what the receiver answers. */
struct end_body {
	std::uint64_t count, bytes, errors;
	digest sum;
};

/* Checks one flow, message by message. */
class flow_check {
public:
	flow_check(const flow_plan &plan, const std::string &name, flow_errors &total,
		   std::function<void(const std::string &)> complain)
	    : plan_(plan),
	      name_(name),
	      total_(total),
	      complain_(std::move(complain)),
	      next_(plan.first)
	{}

	const flow_plan &plan() const { return plan_; }
	std::uint64_t next() const { return next_; }
	bool done() const { return finished_; }
	bool data_complete() const
	{
		return plan_.file_bytes ? bytes_ >= plan_.file_bytes : next_ >= plan_.count;
	}

	void take(std::span<const std::uint8_t> message, bool truncated, std::FILE *out)
	{
		if (truncated)
			bad(total_.length, "message is larger than 1 MiB");
		else if (plan_.file_bytes)
			take_file(message, out);
		else
			take_pattern(message);
		bytes_ += message.size();
		if (expected_.capacity() > kept_capacity)
			expected_ = {}; /* there may be many of us */
	}

	end_body finish(const end_body &said)
	{
		if (next_ < plan_.count && !plan_.file_bytes) {
			missed(plan_.count);
			next_ = plan_.count;
		}
		digest sum = plan_.file_bytes ? whole_.finish() : order_.finish();
		if (said.count != next_ || said.bytes != bytes_ || said.sum != sum)
			bad(total_.corrupt, "the sums of sender and receiver differ");
		finished_ = true;
		return {next_, bytes_, errors_, sum};
	}

private:
	static constexpr std::size_t kept_capacity = 65536;

	void bad(std::atomic<std::uint64_t> &counter, const std::string &what)
	{
		counter++;
		errors_++;
		complain_(name_ + ": message " + std::to_string(next_) + ": " + what);
	}

	void missed(std::uint64_t seq)
	{
		complain_(name_ + ": messages " + std::to_string(next_) + " to " +
			  std::to_string(seq - 1) + " are missing");
		total_.lost += seq - next_;
		errors_ += seq - next_;
		for (std::uint64_t i = next_; i < seq && missing_.size() < 100000; i++)
			missing_.insert(i);
	}

	void accept(std::uint64_t seq, std::size_t size, const digest &body)
	{
		if (plan_.hashed)
			order_.add(seq, size, body);
		next_ = seq + 1;
	}

	bool equals(std::span<const std::uint8_t> message) const
	{
		return std::ranges::equal(message, expected_);
	}

	void take_pattern(std::span<const std::uint8_t> message)
	{
		digest body = plan_.build(next_, expected_);
		if (equals(message))
			return accept(next_, message.size(), body);

		auto seq = sequence_of(message);
		if (seq && *seq < next_)
			return take_old(message, *seq);
		if (seq && *seq > next_) {
			missed(*seq);
			next_ = *seq;
			body = plan_.build(next_, expected_);
			if (equals(message))
				return accept(next_, message.size(), body);
		}
		if (message.size() != expected_.size())
			bad(total_.length, std::to_string(message.size()) + " bytes instead of " +
						   std::to_string(expected_.size()));
		else
			bad(total_.corrupt, "the content differs");
		next_++;
	}

	void take_old(std::span<const std::uint8_t> message, std::uint64_t seq)
	{
		if (!missing_.erase(seq)) {
			bad(total_.duplicate, "number " + std::to_string(seq) + " came again");
			return;
		}
		total_.lost--;
		bad(total_.reordered, "number " + std::to_string(seq) + " came late");
		plan_.build(seq, expected_);
		if (!equals(message))
			bad(total_.corrupt, "the content of the late one differs");
	}

	std::optional<std::uint64_t> sequence_of(std::span<const std::uint8_t> message) const
	{
		message_header header;
		if (message.size() < recognisable)
			return std::nullopt;
		std::memcpy(static_cast<void *>(&header), message.data(), recognisable);
		if (header.magic != header.magic_value || header.type != message_type::data ||
		    header.seq >= plan_.count)
			return std::nullopt;
		return header.seq;
	}

	void take_file(std::span<const std::uint8_t> message, std::FILE *out)
	{
		std::size_t want = static_cast<std::size_t>(
			std::min<std::uint64_t>(plan_.size_of(next_), plan_.file_bytes - bytes_));
		if (message.size() != want)
			bad(total_.length, std::to_string(message.size()) + " bytes instead of " +
						   std::to_string(want));
		whole_.add(message.data(), message.size());
		if (out && std::fwrite(message.data(), 1, message.size(), out) != message.size())
			throw std::system_error(errno, std::generic_category(), "writing the file");
		next_++;
	}

	flow_plan plan_;
	std::string name_;
	flow_errors &total_;
	std::function<void(const std::string &)> complain_;
	std::uint64_t next_, bytes_ = 0, errors_ = 0;
	bool finished_ = false;
	std::vector<std::uint8_t> expected_;
	std::set<std::uint64_t> missing_;
	flow_digest order_;
	sha256 whole_;
};

#endif
