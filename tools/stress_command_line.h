// SPDX-License-Identifier: GPL-2.0
/*
 * The command line of rds-stress: from words to options, each within its limits. Called once, at
 * the start, and by the unit tests.
 */
#ifndef RDS_TOOLS_STRESS_COMMAND_LINE_H
#define RDS_TOOLS_STRESS_COMMAND_LINE_H

#include <cstdint>
#include <limits>
#include <string>

#include "interval.h"
#include "stress_options.h"
#include "usage.h"

namespace rds_tools::stress {

struct command_line {
	local_options local;
	shared_options shared;
	std::string receive_address, send_address;
	bool reset = false, async = false;
};

template <typename T>
void add_number(CLI::App &app, const std::string &names, T &value, const char *help,
		std::uint64_t max = std::numeric_limits<T>::max(), std::uint64_t min = 0)
{
	app.add_option_function<std::string>(
		   names,
		   [&value, max](const std::string &text) {
			   value = static_cast<T>(*parse_count(text, max));
		   },
		   help)
		->type_name("N")
		->check(check_number(max, min));
}

inline void add_shared(CLI::App &app, shared_options &opt)
{
	add_number(app, "-q,--req-bytes", opt.request_bytes, "bytes of a request (1024)",
		   max_message_bytes, header_bytes);
	add_number(app, "-a,--ack-bytes", opt.ack_bytes, "bytes of an answer (63)",
		   max_message_bytes, header_bytes);
	add_number(app, "-d,--depth", opt.depth, "requests under way for each pair of tasks (1)",
		   max_depth, 1);
	add_number(app, "-t,--tasks", opt.tasks, "tasks on each side (1)", max_tasks, 1);
	add_number(app, "-T,--time", opt.seconds, "seconds (0: until interrupted)", max_seconds);
	app.add_flag("-o", opt.one_way, "only the active side sends requests");
	add_number(app, "-Q,--tos", opt.tos, "type of service, 0 to 255 (0)");
	app.add_flag("-v,--verify", opt.verify, "check each byte of what comes");
	add_number(app, "--use-cong-monitor", opt.cong_monitor, "0: without RDS_CONG_MONITOR (1)",
		   1);
}

inline void add_local(CLI::App &app, command_line &line)
{
	auto &opt = line.local;

	app.add_option("-r,--recv-addr", line.receive_address, "local address (any)")
		->type_name("ADDR");
	app.add_option("-s,--send-addr", line.send_address,
		       "the peer, whose rds-stress waits; all options but the "
		       "local ones hold for both")
		->type_name("ADDR");
	add_number(app, "-p,--port", opt.port, "base port (4000)", 65534, 1);
	app.add_flag("-c,--report-cpu", opt.cpu, "measure how busy the CPUs are");
	app.add_flag("-z,--report-summary", opt.summary, "print only the last line");
	app.add_flag("-R,--rtprio", opt.realtime, "run the tasks at real-time priority");
	app.add_flag("-V,--trace", opt.trace, "say each message on stderr");
	add_number(app, "--connect-retries", opt.connect_retries,
		   "try to reach the peer N times more, a second apart (0)");
	app.add_flag("--show-params", opt.show_params, "print what the two sides agreed on");
	app.add_flag("--show-perfdata", opt.show_perfdata,
		     "each second a line of comma-separated values, the kernel's counters too");
	add_number(app, "--show-outliers", opt.outliers,
		   "name tasks that are N times as slow as all (0: off)");
	app.add_flag("--show-histogram", opt.show_histogram,
		     "print how long round trips took, by powers of two");
}

/* What a number of 0 or 1 switches. */
inline void add_switch(CLI::App &app, const char *name, bool &value, const char *help)
{
	add_number(app, name, value, help, 1);
}

inline void add_rdma(CLI::App &app, rdma_options &opt)
{
	add_number(app, "-D,--rdma-bytes", opt.bytes,
		   "RDMA with each answer, so many bytes for each vector (0: none)",
		   max_rdma_bytes);
	add_number(app, "-I", opt.vectors, "vectors of an RDMA operation (1)", max_rdma_vectors, 1);
	add_number(app, "-M", opt.mode, "who answers reads and writes (0), reads (1), writes (2)",
		   rdma_write_only);
	add_switch(app, "--rdma-use-once", opt.use_once,
		   "1: a region is released by its first use, not by RDS_FREE_MR (0)");
	add_switch(app, "--rdma-use-get-mr", opt.use_get_mr,
		   "1: register with RDS_GET_MR, not with the request (0)");
	add_switch(app, "--rdma-use-fence", opt.use_fence,
		   "0: let an answer overtake the data of its RDMA read (1)");
	add_switch(app, "--rdma-cache-mrs", opt.cache_mrs,
		   "1: register each region once, with RDS_GET_MR, and keep it (0)");
	add_number(app, "--rdma-alignment", opt.alignment,
		   "buffers begin N bytes after the beginning of a page (0)", rdma_page_bytes - 1);
}

inline void add_command_line(CLI::App &app, command_line &line)
{
	add_shared(app, line.shared);
	add_local(app, line);
	add_rdma(app, line.shared.rdma);
	/* each operation is told of anyway; a number may follow, as behind the others */
	app.add_option("--rdma-use-notify", "nothing: each operation asks for a notification")
		->type_name("N")
		->expected(0, 1)
		->check(check_number(1));
	app.add_flag("--rdma-key-o-meter", line.local.key_o_meter,
		     "at the end, say how many keys the regions had");
	app.add_flag("--reset", line.reset, "not supported: reset a connection (Oracle's kernels)");
	app.add_flag("--async", line.async,
		     "not supported: asynchronous completions (Oracle's kernels)");
}

} // namespace rds_tools::stress

#endif
