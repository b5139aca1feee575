// SPDX-License-Identifier: GPL-2.0
/*
 * Reads the numbers that the tools take on their command lines: counts, and intervals such as "1",
 * "0.25", "200ms" or "50us". Pure functions, so that the unit tests can try every shape.
 */
#ifndef RDS_TOOLS_INTERVAL_H
#define RDS_TOOLS_INTERVAL_H

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string_view>

namespace rds_tools {

/* All of the text must be one decimal number not above max. */
inline std::optional<std::uint64_t> parse_count(std::string_view text, std::uint64_t max)
{
	std::uint64_t value = 0;
	auto [end, err] = std::from_chars(text.data(), text.data() + text.size(), value);
	if (err != std::errc() || end != text.data() + text.size() || value > max)
		return std::nullopt;
	return value;
}

/* A positive time: plain seconds, or with the suffix ms or us; fractions are fine. */
inline std::optional<std::chrono::nanoseconds> parse_interval(std::string_view text)
{
	constexpr double max_seconds = 86400.0 * 365;
	double unit = 1.0;

	if (text.ends_with("ms"))
		unit = 1e-3;
	else if (text.ends_with("us"))
		unit = 1e-6;
	if (unit != 1.0)
		text.remove_suffix(2);

	double value = 0;
	auto [end, err] = std::from_chars(text.data(), text.data() + text.size(), value,
					  std::chars_format::fixed);
	if (err != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
		return std::nullopt;

	double seconds = value * unit;
	if (seconds > max_seconds)
		return std::nullopt;
	auto result = std::chrono::nanoseconds(std::llround(seconds * 1e9));
	if (result.count() <= 0)
		return std::nullopt;
	return result;
}

} // namespace rds_tools

#endif
