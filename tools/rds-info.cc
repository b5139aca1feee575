// SPDX-License-Identifier: GPL-2.0
/*
 * rds-info: prints what the RDS_INFO_* socket options tell, as tables that scripts know or as JSON.
 * Needs no privilege and no bound socket. Single-threaded.
 *
 * Exit status: 0, also when the kernel lacks a list; 1 for a bad command line or without RDS.
 */
#include <array>
#include <cstdio>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <system_error>

#include "info_format.h"
#include "info_json.h"
#include "info_reader.h"
#include "proc_number.h"
#include "unique_fd.h"
#include "usage.h"

using namespace rds_tools;

namespace {

struct options {
	std::array<bool, info_lists.size()> wanted{};
	bool verbose = false, ipv6 = false, as_json = false;
};

constexpr std::array<const char *, info_lists.size()> help_texts{
	"RDMA connections", "TCP sockets of RDS", "counters",	 "bound sockets",
	"connections",	    "receive queues",	  "send queues", "retransmit queues",
};

void complain(const info_list &list, const char *why)
{
	std::fprintf(stderr, "rds-info: cannot read the list \"%.*s\": %s\n",
		     static_cast<int>(std::string(list.title).size() - 1), list.title, why);
}

int run(const options &opt)
{
	int level = rds_level();
	unique_fd fd = open_rds_socket();
	ip family = opt.ipv6 ? ip::v6 : ip::v4;
	json object = json::object();

	for (std::size_t i = 0; i < info_lists.size(); i++) {
		const info_list &list = info_lists[i];
		if (!opt.wanted[i])
			continue;

		try {
			auto snap = read_info(fd.get(), level,
					      opt.ipv6 ? list.option6 : list.option4);
			if (opt.as_json)
				object[list.key] = json_list(list, snap, family);
			else
				std::fputs(format_list(list, snap, family, opt.verbose).c_str(),
					   stdout);
		} catch (const std::system_error &e) {
			/* Usual when a transport is not loaded: say so and go on. */
			complain(list, std::strerror(e.code().value()));
			if (opt.as_json)
				object[list.key] = nullptr;
		}
	}
	if (opt.as_json)
		std::fputs(json_text(object).c_str(), stdout);
	if (std::fflush(stdout) || std::ferror(stdout))
		throw std::runtime_error("cannot write the output");
	return 0;
}

} // namespace

int main(int argc, char **argv)
{
	options opt;
	CLI::App app{"Shows the state of Reliable Datagram Sockets. Without a list: all of them.",
		     "rds-info"};

	for (std::size_t i = 0; i < info_lists.size(); i++)
		app.add_flag(std::string("-") + info_lists[i].letter, opt.wanted[i], help_texts[i]);
	app.add_flag("-v", opt.verbose, "more about RDMA connections");
	app.add_flag("--ipv6", opt.ipv6,
		     "read the lists that hold IPv6 too (IPv4 as ::ffff:a.b.c.d)");
	app.add_flag("--json", opt.as_json,
		     "print one JSON object; null for a list the kernel lacks");
	if (auto status = parse_or_usage(app, argc, argv))
		return *status;

	bool any = false;
	for (bool wanted : opt.wanted)
		any |= wanted;
	if (!any)
		opt.wanted.fill(true);

	try {
		return run(opt);
	} catch (const std::exception &e) {
		std::fprintf(stderr, "rds-info: %s\n", e.what());
		return 1;
	}
}
