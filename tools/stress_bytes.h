// SPDX-License-Identifier: GPL-2.0
/*
 * Numbers in network byte order, put one after the other and taken back with a check of what is
 * left. For the message header and the control stream of rds-stress. Plain values.
 */
#ifndef RDS_TOOLS_STRESS_BYTES_H
#define RDS_TOOLS_STRESS_BYTES_H

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace rds_tools::stress {

class writer {
public:
	template <std::unsigned_integral T>
	writer &put(T value)
	{
		for (std::size_t i = sizeof(T); i--;)
			out_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
		return *this;
	}
	const std::vector<std::uint8_t> &bytes() const { return out_; }

private:
	std::vector<std::uint8_t> out_;
};

/* Once there is too little, every further number is 0 and ok() is false. */
class reader {
public:
	explicit reader(std::span<const std::uint8_t> in) : in_(in) {}

	template <std::unsigned_integral T>
	T get()
	{
		if (in_.size() < sizeof(T)) {
			ok_ = false;
			in_ = {};
			return 0;
		}
		std::uint64_t value = 0;
		for (std::size_t i = 0; i < sizeof(T); i++)
			value = value << 8 | in_[i];
		in_ = in_.subspan(sizeof(T));
		return static_cast<T>(value);
	}
	bool ok() const { return ok_; }
	/* All of it was there, and nothing more. */
	bool exact() const { return ok_ && in_.empty(); }

private:
	std::span<const std::uint8_t> in_;
	bool ok_ = true;
};

} // namespace rds_tools::stress

#endif
