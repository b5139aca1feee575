// SPDX-License-Identifier: GPL-2.0
/*
 * rds-stress: two of them, on two machines, load RDS with requests and answers, check each and tell
 * once a second how many there were. The one without -s waits for the other.
 *
 * Exit status: 0 when the run ended as it should, 1 when it did not, 2 for a bad command line.
 */
#include <cstdint>
#include <cstdio>
#include <exception>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "interval.h"
#include "resolve.h"
#include "stress_run.h"
#include "usage.h"

using namespace rds_tools;
using namespace rds_tools::stress;

namespace {

constexpr std::uint64_t any32 = std::numeric_limits<std::uint32_t>::max();

struct command_line {
	local_options local;
	shared_options shared;
	std::string receive_address, send_address;
	std::uint64_t rdma_bytes = 0, rdma_vectors = 1, rdma_mode = 0;
	std::uint64_t use_once = 0, use_get_mr = 0, use_fence = 1, cache_mrs = 0, alignment = 0;
	bool use_notify = false, key_o_meter = false, reset = false, async = false;
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

void add_shared(CLI::App &app, shared_options &opt)
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

void add_local(CLI::App &app, command_line &line)
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

void add_rdma(CLI::App &app, command_line &line)
{
	auto add = [&](const char *names, std::uint64_t &value, const char *help,
		       std::uint64_t max = any32) { add_number(app, names, value, help, max); };

	add("-D,--rdma-bytes", line.rdma_bytes, "not supported: bytes of an RDMA transfer");
	add("-I", line.rdma_vectors, "not supported: RDMA vectors", 512);
	add("-M", line.rdma_mode, "not supported: RDMA direction", 2);
	add("--rdma-use-once", line.use_once, "not supported", 1);
	add("--rdma-use-get-mr", line.use_get_mr, "not supported", 1);
	add("--rdma-use-fence", line.use_fence, "not supported", 1);
	app.add_flag("--rdma-use-notify", line.use_notify, "not supported");
	add("--rdma-cache-mrs", line.cache_mrs, "not supported", 1);
	add("--rdma-alignment", line.alignment, "not supported");
	app.add_flag("--rdma-key-o-meter", line.key_o_meter, "not supported");
	app.add_flag("--reset", line.reset, "not supported: reset a connection (Oracle's kernels)");
	app.add_flag("--async", line.async,
		     "not supported: asynchronous completions (Oracle's kernels)");
}

/* A value that means "without" is fine. */
void refuse_unsupported(const command_line &line)
{
	bool rdma = line.rdma_bytes || line.rdma_vectors > 1 || line.rdma_mode || line.use_once ||
		    line.use_get_mr || !line.use_fence || line.use_notify || line.cache_mrs ||
		    line.alignment || line.key_o_meter;
	if (rdma)
		throw std::runtime_error("RDMA is not supported: RDS over TCP and the loopback "
					 "have no memory regions");
	if (line.reset)
		throw std::runtime_error("--reset is not supported: this kernel's RDS has no "
					 "RDS_CONN_RESET");
	if (line.async)
		throw std::runtime_error("--async is not supported: this kernel's RDS has no "
					 "RDS_CMSG_ASYNC_SEND");
}

void resolve_addresses(command_line &line)
{
	if (!line.receive_address.empty())
		line.local.local = resolve(line.receive_address);
	if (!line.send_address.empty())
		line.local.peer = resolve(line.send_address);
}

} // namespace

int main(int argc, char **argv)
{
	command_line line;
	CLI::App app{"Loads RDS between two machines and measures it. Without -s: waits for the "
		     "peer, which has -s.",
		     "rds-stress"};

	add_shared(app, line.shared);
	add_local(app, line);
	add_rdma(app, line);
	if (auto status = parse_or_usage(app, argc, argv, 2))
		return *status;
	if (auto why = refusal(line.shared, line.local.port); !why.empty()) {
		std::fprintf(stderr, "rds-stress: %s\n", why.c_str());
		return 2;
	}

	try {
		refuse_unsupported(line);
		resolve_addresses(line);
		session(line.local, line.shared).run();
		return 0;
	} catch (const interrupted &) {
		return 1;
	} catch (const std::exception &e) {
		std::fprintf(stderr, "rds-stress: %s\n", e.what());
		return 1;
	}
}
