// SPDX-License-Identifier: GPL-2.0
/*
 * What the tasks of rds-stress count, and the lines that are made of it. A task adds to its own
 * numbers in shared memory; the parent looks at all of them once a second and prints differences.
 * Each number is atomic by itself: a line is as of about now, the numbers never tear.
 */
#ifndef RDS_TOOLS_STRESS_STATS_H
#define RDS_TOOLS_STRESS_STATS_H

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "info_format.h"

namespace rds_tools::stress {

/* Class 0 is below 1 us, class n from 2^(n-1) to below 2^n us; the last has no end. */
constexpr std::size_t histogram_classes = 32;

inline std::size_t histogram_class(std::uint64_t us)
{
	return std::min<std::size_t>(std::bit_width(us), histogram_classes - 1);
}

/* Lies in memory that parent and child share; a cache line belongs to one task. */
struct alignas(64) task_counters {
	using number = std::atomic<std::uint64_t>;
	static_assert(number::is_always_lock_free);

	number requests_out{0}, requests_in{0}, bytes{0};
	number rdma_in{0}, rdma_out{0}; /* bytes into this side's memory, and out of it */
	number regions{0}, keys{0}; /* registered; of them, with a key that was not there before */
	number send_calls{0}, send_ns{0};
	number round_trips{0}, round_trip_ns{0};
	std::array<number, histogram_classes> histogram{};

	static void add(number &n, std::uint64_t value)
	{
		n.fetch_add(value, std::memory_order_relaxed);
	}
	void round_trip(std::uint64_t ns)
	{
		add(round_trips, 1);
		add(round_trip_ns, ns);
		add(histogram[histogram_class(ns / 1000)], 1);
	}
};

/* A copy of those of one task, or the sum of several. */
struct totals {
	std::uint64_t requests_out = 0, requests_in = 0, bytes = 0;
	std::uint64_t rdma_in = 0, rdma_out = 0, regions = 0, keys = 0;
	std::uint64_t send_calls = 0, send_ns = 0, round_trips = 0, round_trip_ns = 0;
	std::array<std::uint64_t, histogram_classes> histogram{};

	static totals of(const task_counters &c)
	{
		auto get = [](const task_counters::number &n) {
			return n.load(std::memory_order_relaxed);
		};
		totals out{get(c.requests_out), get(c.requests_in),  get(c.bytes),
			   get(c.rdma_in),	get(c.rdma_out),     get(c.regions),
			   get(c.keys),		get(c.send_calls),   get(c.send_ns),
			   get(c.round_trips),	get(c.round_trip_ns)};
		std::transform(c.histogram.begin(), c.histogram.end(), out.histogram.begin(), get);
		return out;
	}

	template <typename Op>
	totals &combine(const totals &other, Op op)
	{
		requests_out = op(requests_out, other.requests_out);
		requests_in = op(requests_in, other.requests_in);
		bytes = op(bytes, other.bytes);
		rdma_in = op(rdma_in, other.rdma_in);
		rdma_out = op(rdma_out, other.rdma_out);
		regions = op(regions, other.regions);
		keys = op(keys, other.keys);
		send_calls = op(send_calls, other.send_calls);
		send_ns = op(send_ns, other.send_ns);
		round_trips = op(round_trips, other.round_trips);
		round_trip_ns = op(round_trip_ns, other.round_trip_ns);
		for (std::size_t i = 0; i < histogram.size(); i++)
			histogram[i] = op(histogram[i], other.histogram[i]);
		return *this;
	}
	totals &operator+=(const totals &other) { return combine(other, std::plus<>()); }
	totals operator-(const totals &other) const
	{
		totals out = *this;
		return out.combine(other, std::minus<>());
	}
};

inline double ratio(double above, double below)
{
	return below > 0 ? above / below : 0;
}

inline double round_trip_us(const totals &t)
{
	return ratio(static_cast<double>(t.round_trip_ns) / 1e3,
		     static_cast<double>(t.round_trips));
}

/* What one line says. CPU: percent, negative when nobody measured. */
struct rates {
	std::uint32_t tasks;
	double requests_out, requests_in, kib, rdma_in_kib, rdma_out_kib, send_us, round_trip_us,
		cpu;

	static rates of(std::uint32_t tasks, const totals &difference, double seconds, double cpu)
	{
		return {tasks,
			ratio(static_cast<double>(difference.requests_out), seconds),
			ratio(static_cast<double>(difference.requests_in), seconds),
			ratio(static_cast<double>(difference.bytes) / 1024, seconds),
			ratio(static_cast<double>(difference.rdma_in) / 1024, seconds),
			ratio(static_cast<double>(difference.rdma_out) / 1024, seconds),
			ratio(static_cast<double>(difference.send_ns) / 1e3,
			      static_cast<double>(difference.send_calls)),
			stress::round_trip_us(difference),
			cpu};
	}
};

constexpr const char *rates_header =
	"tsks   tx/s   rx/s  tx+rx K/s    mbi K/s    mbo K/s tx us/c   rtt us cpu %";

inline std::string format_rates(const rates &r)
{
	return text_of("%4u %6.0f %6.0f %10.2f %10.2f %10.2f %7.2f %8.2f %5.2f", r.tasks,
		       r.requests_out, r.requests_in, r.kib, r.rdma_in_kib, r.rdma_out_kib,
		       r.send_us, r.round_trip_us, r.cpu);
}

/* Kernel counters by name, at one moment. */
using kernel_counters = std::vector<counter_record>;

inline std::string counter_unit(const std::string &name)
{
	bool bytes = name.find("bytes") != name.npos || name.starts_with("copy_");
	return bytes ? "bytes/s" : "1/s";
}

inline std::string perfdata_header(const kernel_counters &counters)
{
	std::string out = "::tasks,tx requests (1/s),rx requests (1/s),tx+rx (KiB/s),"
			  "rdma in (KiB/s),rdma out (KiB/s),sendmsg (us),round trip (us),cpu (%)";

	for (const auto &counter : counters)
		out += "," + counter.name + " (" + counter_unit(counter.name) + ")";
	return out;
}

/* The columns are those of before, whatever the kernel has learnt since. */
inline std::string format_perfdata(const rates &r, const kernel_counters &before,
				   const kernel_counters &now, double seconds)
{
	std::string out = text_of("::%u,%.2f,%.2f,%.2f,%.2f,%.2f,%.3f,%.3f,%.2f", r.tasks,
				  r.requests_out, r.requests_in, r.kib, r.rdma_in_kib,
				  r.rdma_out_kib, r.send_us, r.round_trip_us, r.cpu);
	std::map<std::string, std::uint64_t> by_name;

	for (const auto &counter : now)
		by_name[counter.name] = counter.value;
	for (const auto &counter : before) {
		auto found = by_name.find(counter.name);
		double change = 0;
		if (found != by_name.end())
			change = static_cast<double>(
				static_cast<std::int64_t>(found->second - counter.value));
		out += text_of(",%.2f", ratio(change, seconds));
	}
	return out;
}

/* From the first class that has something to the last. */
inline std::string format_histogram(const totals &t)
{
	std::string out = text_of("%12s %12s %12s %7s\n", "from us", "below us", "round trips",
				  "%");
	std::size_t first = 0, end = histogram_classes;

	while (first < end && !t.histogram[first])
		first++;
	while (end > first && !t.histogram[end - 1])
		end--;
	for (std::size_t i = first; i < end; i++) {
		std::string below = i + 1 < histogram_classes
					    ? std::to_string(std::uint64_t{1} << i)
					    : std::string("-");
		out += text_of("%12" PRIu64 " %12s %12" PRIu64 " %7.2f\n",
			       i ? std::uint64_t{1} << (i - 1) : std::uint64_t{0}, below.c_str(),
			       t.histogram[i],
			       100 * ratio(static_cast<double>(t.histogram[i]),
					   static_cast<double>(t.round_trips)));
	}
	return out;
}

/* For --rdma-key-o-meter: how soon a key comes back. A task's keys are counted by themselves. */
inline std::string format_keys(const totals &t)
{
	return text_of("keys: %" PRIu64 " regions had %" PRIu64 " keys, %.1f regions for each\n",
		       t.regions, t.keys,
		       ratio(static_cast<double>(t.regions), static_cast<double>(t.keys)));
}

/* The tasks whose round trips took that many times as long as those of all, one line each. */
inline std::string format_outliers(const std::vector<totals> &tasks, std::uint32_t times)
{
	totals all;
	std::string out;

	for (const auto &task : tasks)
		all += task;
	for (std::size_t i = 0; i < tasks.size(); i++)
		if (round_trip_us(tasks[i]) > times * round_trip_us(all))
			out += text_of("outlier: task %zu, %.2f us for a round trip, all %.2f us\n",
				       i, round_trip_us(tasks[i]), round_trip_us(all));
	return out;
}

} // namespace rds_tools::stress

#endif
