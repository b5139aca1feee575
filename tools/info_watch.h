// SPDX-License-Identifier: GPL-2.0
/*
 * What happened to a list between two snapshots, for rds-info --watch: records that came, went or
 * changed, and for counters the difference. Records are told apart by what names the thing they
 * describe (a socket's inode, a connection's addresses ...), not by their place. Pure functions.
 */
#ifndef RDS_TOOLS_INFO_WATCH_H
#define RDS_TOOLS_INFO_WATCH_H

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "info_format.h"
#include "info_json.h"

namespace rds_tools {

enum class fate : char { came = '+', went = '-', changed = '*' };

struct record_change {
	fate what;
	std::vector<std::uint8_t> record; /* as it is now; of one that went: as it was */
};

struct counter_change {
	counter_record now;
	std::int64_t difference;
};

namespace identity {

struct field {
	std::size_t at, size;
};

inline std::string bytes_of(bytes record, std::size_t known, std::initializer_list<field> fields)
{
	std::vector<std::uint8_t> whole(record.begin(), record.end());
	std::string out;

	whole.resize(std::max(whole.size(), known));
	for (const field &f : fields)
		if (f.at != none)
			out.append(whole.begin() + f.at, whole.begin() + f.at + f.size);
	return out;
}

inline std::string of(char letter, bytes record, ip family)
{
	bool v4 = family == ip::v4;
	std::size_t address = v4 ? 4 : 16;

	switch (letter) {
	case 'c':
		return bytes_of(record, counter_fields.size,
				{{counter_fields.name, counter_name_size}});
	case 'k': {
		const auto &at = v4 ? socket4 : socket6;
		return bytes_of(record, at.size, {{at.inum, 8}});
	}
	case 'n': {
		const auto &at = v4 ? connection4 : connection6;
		return bytes_of(record, at.size,
				{{at.laddr, address},
				 {at.faddr, address},
				 {at.transport, transport_name_size},
				 {at.tos, 1}});
	}
	case 'T': {
		const auto &at = v4 ? tcp4 : tcp6;
		return bytes_of(
			record, at.size,
			{{at.laddr, address}, {at.faddr, address}, {at.lport, 2}, {at.fport, 2}});
	}
	case 'I': {
		const auto &at = v4 ? rdma4 : rdma6;
		return bytes_of(record, at.size,
				{{at.src, address}, {at.dst, address}, {at.tos, 1}});
	}
	default: {
		const auto &at = v4 ? message4 : message6;
		return bytes_of(record, at.size,
				{{at.laddr, address},
				 {at.faddr, address},
				 {at.lport, 2},
				 {at.fport, 2},
				 {at.seq, 8}});
	}
	}
}

/* Two records of one identity are the first and the second of that name. */
using key = std::pair<std::string, std::size_t>;

inline std::map<key, bytes> table(char letter, const snapshot &snap, ip family)
{
	std::map<key, bytes> out;

	for_each_record(snap, [&](bytes record) {
		key k{of(letter, record, family), 0};
		while (!out.emplace(k, record).second)
			k.second++;
	});
	return out;
}

} // namespace identity

/* In the order of the new snapshot; what went comes last. */
inline std::vector<record_change> changes_between(const info_list &list, const snapshot &before,
						  const snapshot &after, ip family)
{
	auto old = identity::table(list.letter, before, family);
	std::map<std::string, std::size_t> met;
	std::vector<record_change> out;

	for_each_record(after, [&](bytes record) {
		auto name = identity::of(list.letter, record, family);
		auto was = old.find({name, met[name]++});
		if (was == old.end()) {
			out.push_back({fate::came, {record.begin(), record.end()}});
			return;
		}
		if (!std::equal(record.begin(), record.end(), was->second.begin(),
				was->second.end()))
			out.push_back({fate::changed, {record.begin(), record.end()}});
		old.erase(was);
	});
	for (const auto &gone : old)
		out.push_back({fate::went, {gone.second.begin(), gone.second.end()}});
	return out;
}

/* Those that moved. One that is new counts from zero: its module was loaded just now. */
inline std::vector<counter_change> counter_changes(const snapshot &before, const snapshot &after)
{
	std::map<std::string, std::uint64_t> old;
	std::vector<counter_change> out;

	for_each_record(before, [&](bytes record) {
		auto counter = decode_counter(record);
		old[counter.name] = counter.value;
	});
	for_each_record(after, [&](bytes record) {
		auto counter = decode_counter(record);
		auto difference = static_cast<std::int64_t>(counter.value - old[counter.name]);
		if (difference)
			out.push_back({counter, difference});
	});
	return out;
}

inline std::string format_counter_changes(const std::vector<counter_change> &changes)
{
	std::string out = text_of("%25s %16s %16s\n", "CounterName", "Value", "Change");

	for (const auto &change : changes)
		out += text_of("%25s %16" PRIu64 " %+16" PRId64 "\n", change.now.name.c_str(),
			       change.now.value, change.difference);
	return out;
}

/* The columns are those of the whole list, two places to the right: the sign comes first. */
inline std::string format_record_changes(const info_list &list,
					 const std::vector<record_change> &changes, ip family,
					 bool verbose)
{
	std::string empty = format_records(list, {}, family, verbose), out = "  " + empty;

	for (const auto &change : changes) {
		snapshot one{change.record, change.record.size()};
		out += static_cast<char>(change.what);
		out += " " + format_records(list, one, family, verbose).substr(empty.size());
	}
	return out;
}

/* Nothing when nothing changed. */
inline std::string format_changes(const info_list &list, const snapshot &before,
				  const snapshot &after, ip family, bool verbose)
{
	std::string title = std::string("\n") + list.title + "\n";

	if (list.letter == 'c') {
		auto counters = counter_changes(before, after);
		return counters.empty() ? "" : title + format_counter_changes(counters);
	}
	auto changes = changes_between(list, before, after, family);
	return changes.empty() ? "" : title + format_record_changes(list, changes, family, verbose);
}

/* Counters: an array of those that moved. Other lists: an object of three arrays. */
inline json json_changes(const info_list &list, const snapshot &before, const snapshot &after,
			 ip family)
{
	if (list.letter == 'c') {
		json out = json::array();
		for (const auto &change : counter_changes(before, after)) {
			json counter = json_of(change.now);
			counter["change"] = change.difference;
			out.push_back(counter);
		}
		return out;
	}

	json out{{"came", json::array()}, {"went", json::array()}, {"changed", json::array()}};
	for (const auto &change : changes_between(list, before, after, family)) {
		const char *name = change.what == fate::came   ? "came"
				   : change.what == fate::went ? "went"
							       : "changed";
		out[name].push_back(json_record(list.letter, change.record, family));
	}
	return out;
}

} // namespace rds_tools

#endif
