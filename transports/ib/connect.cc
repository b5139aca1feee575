// SPDX-License-Identifier: GPL-2.0
/*
 * Connections: made by us or by the peer, and ended. The lane's life work calls connect() and
 * shutdown(); the connection manager's events come with its lock of the id held, and take the
 * connection's mutex. ib.md 4 to 8 and 19.
 *
 * A peer that asks while its connection is not DOWN is not refused, as stock would: its request
 * waits, the old connection is dropped, and conn_connect accepts instead of connecting. When both
 * ask at once, the request of the larger address goes on.
 */
#include "ib.h"

namespace {

constexpr u32 introduction_bytes = 56;

bool is_link_local(const in6_addr &a)
{
	return a.in6_u.u6_addr8[0] == 0xfe && (a.in6_u.u6_addr8[1] & 0xc0) == 0x80;
}

bool same(const in6_addr &a, const in6_addr &b)
{
	return !__builtin_memcmp(&a, &b, sizeof(a));
}

int reject(rdma_cm_id *id)
{
	rv_id_reject(id, rds::ib::reject_value);
	return -ECONNREFUSED;
}

} // namespace

rds_ib_connection::rds_ib_connection(rds_connection *c) : conn(c)
{
	kernel::guard hold(rds_ib_conns().lock);
	rds_ib_conns().all.push_back(this);
}

void rds_ib_connection::unlist()
{
	kernel::guard hold(rds_ib_conns().lock);
	kernel::list<rds_ib_connection, &rds_ib_connection::all_item>::remove(this);
}

void rds_ib_connection::put()
{
	if (refs.put())
		kernel::destroy(this);
}

/* Who frees it has marked the connection before, and takes the lock, too. */
kernel::ref<rds_ib_connection> rds_ib_find(const rds_connection *conn)
{
	kernel::guard hold(rds_ib_conns().lock);
	return kernel::ref<rds_ib_connection>::share(rds_conn_alive(conn) ? rds_ib_of(conn)
									  : nullptr);
}

/* ---- what the lists of connections show ---- */

void rds_ib_connection::show()
{
	rv_route route;
	rv_id_route(id, &route);
	kernel::guard hold(rds_ib_conns().lock);

	shown = {};
	shown.up = true;
	shown.sl = route.sl;
	__builtin_memcpy(shown.sgid, route.sgid, sizeof(shown.sgid));
	__builtin_memcpy(shown.dgid, route.dgid, sizeof(shown.dgid));
	shown.send_wr = link->send_ring.size();
	shown.recv_wr = link->recv_ring.size();
	shown.send_sge = link->dev->send_sge;
	shown.mr_max = link->dev->large.most;
	shown.mr_size = link->dev->large.pages;
}

void rds_ib_connection::hide()
{
	kernel::guard hold(rds_ib_conns().lock);
	shown = {};
}

/* ---- beginning ---- */

/* The id's device, its queue pair and everything around it. Mutex held. */
int rds_ib_connection::make_link(rdma_cm_id *of, rds_ib_link *&made)
{
	rv_device *rv = rv_id_device(of);
	if (!rv)
		return -ENODEV;
	auto *dev = static_cast<rds_ib_device *>(rv_device_user(rv));
	bool entered = dev->enter();
	rv_device_put(rv);
	if (!entered)
		return -ENODEV;
	/* a second one is not on its device's list: it goes with the first, if that is there */
	if (of != id && (!link || dev != link->dev)) {
		dev->leave();
		return -ENODEV;
	}
	made = kernel::make<rds_ib_link>(kernel::gfp_kernel, this, dev);
	if (!made) {
		dev->leave();
		return -ENOMEM;
	}
	return made->start(of, of == id);
}

/*
 * What we say of ourselves. The last message received is never said: ib.md 5.3. Credits are offered
 * to those who offer some: the kernel's own modules take an offer without making one, and then wait
 * for more of what they believe to be agreed (ib.md 15). One of ours, which gives its generation, takes
 * it as a hint for the next connection.
 */
u32 rds_ib_connection::introduce(u8 *to, u16 as, rds_ib_link &by) const
{
	bool v6 = conn->c_isv6;
	rds::ib::introduction us{};
	us.source = conn->c_laddr;
	us.destination = conn->c_faddr;
	us.version = as;
	us.minors = rds::ib::known_minors;
	us.tos = conn->c_tos;
	us.generation = rds_conn_generation(conn);
	bool asks = !passive && &by == link;
	by.offers_flow = by.wants_flow &&
			 (asks ? !takes_only : accepting.credit || accepting.generation);
	if (by.offers_flow)
		us.credit = by.recv_ring.used();
	rds::ib::write_introduction(to, v6, us);
	return static_cast<u32>(rds::ib::format_of(v6).size());
}

/**
 * connect - the conn_connect hook: accept what waits, or connect
 * Return: as the hook.
 */
int rds_ib_connection::connect()
{
	if (accept_waiting())
		return 0;
	rdma_cm_id *fresh = rv_id_create(this);
	if (int err = kernel::pointer_error(fresh))
		return err;
	{
		kernel::guard hold(mutex);
		id = fresh;
		passive = false;
		version = rds::ib::version_4_1;
	}
	int err = rv_id_resolve_addr(fresh, &conn->c_laddr, &conn->c_faddr, conn->c_if_index);
	if (!err)
		return 0;
	{
		kernel::guard hold(mutex);
		id = nullptr;
	}
	rv_id_destroy(fresh);
	return err;
}

/* What the cm_initiate_connect hook does. Event, mutex held. */
int rds_ib_connection::initiate()
{
	int err = make_link(id, link);
	if (err)
		return err;
	u8 data[introduction_bytes];
	const rv_limits &limits = link->dev->limits;
	u32 retries = rds_ib_settings.retry_count;
	const rv_offer offer = {data, introduce(data, rds::ib::version_3_1, *link),
				rds::ib::depth(limits.initiator_depth, ~0u),
				rds::ib::depth(limits.responder_resources, ~0u),
				static_cast<u8>(retries < 7 ? retries : 7)};
	return rv_id_connect(id, &offer, conn->c_tos & 0xf);
}

int rds_ib_initiate_connect(rdma_cm_id *id)
{
	auto *ic = static_cast<rds_ib_connection *>(rv_id_context(id));
	ic->step(ic->initiate());
	return 0;
}

/* Of a request that is `accepting`. Its id's events do not come meanwhile; mutex held. */
int rds_ib_connection::accept(rdma_cm_id *of, rds_ib_link *&made)
{
	int err = make_link(of, made);
	if (err)
		return err;
	u8 data[introduction_bytes];
	const rv_limits &limits = made->dev->limits;
	const rv_offer offer = {
		data, introduce(data, accepting.version, *made),
		rds::ib::depth(limits.initiator_depth, accepting.initiator_depth),
		rds::ib::depth(limits.responder_resources, accepting.responder_resources), 0};
	return rv_id_accept(of, &offer);
}

/* ---- talking to oneself ---- */

bool rds_ib_connection::to_self() const
{
	return same(conn->c_laddr, conn->c_faddr);
}

/* Our own request has come back to us: there is one connection, and it gets a second queue pair. */
int rds_ib_connection::accept_far(const rds_ib_request &request)
{
	if (rds_conn_state(conn) != RDS_CONN_CONNECTING || !id || far_id)
		return reject(request.id);
	far_id = request.id;
	accepting = request;
	rv_id_set_context(far_id, this);
	if (accept(far_id, far_link)) {
		rv_id_reject(far_id, rds::ib::reject_value);
		rds_conn_drop_why(conn, RDS_WHY_connect_failed);
	}
	return 0;
}

int rds_ib_connection::far_event(const rv_event &ev)
{
	if (ev.kind == RV_EVENT_ESTABLISHED)
		far_link->establish(far_link->offers_flow && accepting.credit, accepting.credit,
				    accepting.initiator_depth);
	else if (ev.kind == RV_EVENT_LOST || ev.kind == RV_EVENT_REJECTED)
		lost(RDS_WHY_peer_closed, ev.name);
	return 0;
}

/* ---- accepting ---- */

/* Mutex held. */
void rds_ib_connection::adopt(const rds_ib_request &request)
{
	id = request.id;
	accepting = request;
	passive = true;
	version = request.version;
}

/*
 * Return: there was one, or one that has just come has dropped what was being made: it is for the next
 * connection. If it cannot be accepted the connection is dropped.
 */
bool rds_ib_connection::accept_waiting()
{
	rds_ib_request request;
	{
		kernel::guard hold(mutex);
		if (rds_conn_state(conn) != RDS_CONN_CONNECTING)
			return true;
		request = waiting;
		waiting = {};
		if (!request.id)
			return false;
		adopt(request);
	}
	int err;
	rv_id_lock(request.id);
	{
		kernel::guard hold(mutex);
		err = accept(id, link);
	}
	rv_id_unlock(request.id);
	if (err)
		rds_conn_drop_why(conn, RDS_WHY_connect_failed);
	return true;
}

/**
 * requested - the peer asks for a connection
 * Context: P, event of @request's id. Return: 0: the id is ours; else it is to be destroyed.
 */
int rds_ib_connection::requested(const rds_ib_request &request)
{
	kernel::guard hold(mutex);

	/* whoever destroys the connection looks for what waits after it was marked */
	if (waiting.id || !rds_conn_alive(conn))
		return reject(request.id);
	if (to_self())
		return accept_far(request);
	if (rds_conn_claim(conn)) {
		adopt(request);
		rv_id_set_context(id, this);
		if (accept(id, link)) {
			rv_id_reject(id, rds::ib::reject_value);
			rds_conn_drop_why(conn, RDS_WHY_connect_failed);
		}
		return 0;
	}
	int state = rds_conn_state(conn);
	if (state == RDS_CONN_CONNECTING) {
		rds_ib_count(RDS_IB_CONNECT_RACED);
		if (!passive && conn->c_larger)
			return reject(request.id);
	}
	if (state == RDS_CONN_UP)
		rds_ib_count(RDS_IB_LISTEN_CLOSED_STALE);
	waiting = request;
	rv_id_set_context(request.id, this);
	rds_conn_drop_why(conn, state == RDS_CONN_UP ? RDS_WHY_replaced : RDS_WHY_crossed);
	rds_conn_connect_now(conn); /* the peer waits, and not for long */
	return 0;
}

/* The cm_handle_connect hook. What the peer says of addresses must be what the CM says (I10). */
int rds_ib_handle_connect(rdma_cm_id *id, rdma_cm_event *event)
{
	rv_event ev;
	rv_route route;
	rds::ib::introduction peer{};
	rv_event_read(id, event, &ev);
	rv_id_route(id, &route);

	rds_ib_request request;
	request.id = id;
	request.version = rds::ib::accept_version(ev.data, ev.len, route.v6);
	request.initiator_depth = ev.initiator_depth;
	request.responder_resources = ev.responder_resources;
	if (!request.version) {
		kernel_log("RDS/IB: %pI6c refused: unknown version of RDS", &route.faddr);
		return reject(id);
	}
	/* the CM takes any destination of a request that a device of ours has got */
	if (!rv_is_local(&route.laddr, route.if_index)) {
		kernel_log("RDS/IB: %pI6c refused: %pI6c is not here", &route.faddr, &route.laddr);
		return reject(id);
	}
	if (rds::ib::read_introduction(ev.data, ev.len, route.v6, peer)) {
		if (!same(peer.source, route.faddr) || !same(peer.destination, route.laddr)) {
			kernel_log("RDS/IB: %pI6c refused: says that it is %pI6c", &route.faddr,
				   &peer.source);
			return reject(id);
		}
		request.credit = peer.credit;
		request.generation = peer.generation;
	}
	u32 if_index = is_link_local(route.laddr) ? route.if_index : 0;
	rds_connection *conn = rds_conn_accept(rv_net(), &route.laddr, &route.faddr,
					       &rds_ib_transport, peer.tos, if_index);
	if (kernel::pointer_error(conn))
		return reject(id);
	int err;
	{
		auto ic = rds_ib_find(conn);
		err = ic ? ic->requested(request) : reject(id);
	}
	rds_conn_put(conn);
	return err;
}

/* ---- events ---- */

/* The cm_connect_complete hook. Event, mutex held. */
void rds_ib_connection::complete(rdma_cm_event *cm_event)
{
	rv_event ev;
	rv_event_read(id, cm_event, &ev);
	bool v6 = conn->c_isv6;
	rds::ib::introduction peer{};

	version = rds::ib::settled_version(version, ev.data, ev.len, v6);
	if (!version) {
		lost(RDS_WHY_rejected, "speaks a version of RDS that is too old");
		return;
	}
	u32 credit = accepting.credit;
	u32 generation = accepting.generation;
	/* what it says comes with the answer to us, not with the end of its own request */
	if (!passive) {
		(void)rds::ib::read_introduction(ev.data, ev.len, v6, peer);
		credit = peer.credit;
		generation = peer.generation;
	}
	if (!passive && link->offers_flow && !credit) {
		takes_only = true;
		rds_conn_drop_why(conn, RDS_WHY_settings);
		return;
	}
	if (credit)
		takes_only = false;
	rds_conn_peer_generation(conn, generation);
	show();
	bool flow = link->offers_flow && credit;
	kernel_log_often("RDS/IB: connected %pI6c to %pI6c, tos %u, version %u.%u%s",
			 &conn->c_laddr, &conn->c_faddr, conn->c_tos, version >> 8, version & 0xff,
			 flow ? ", flow control" : "");
	link->establish(flow, credit, passive ? accepting.initiator_depth : ev.initiator_depth);
	rds_connect_complete(conn);
}

void rds_ib_connection::lost(rds_conn_why why, const char *what)
{
	if (rds_conn_state(conn) == RDS_CONN_UP)
		kernel_log_often("RDS/IB: connection to %pI6c lost: %s", &conn->c_faddr, what);
	rds_conn_drop_why(conn, why);
}

/* A step of connecting that failed. */
void rds_ib_connection::step(int err)
{
	if (err)
		rds_conn_drop_why(conn, RDS_WHY_connect_failed);
}

/**
 * event - one of an id that was ours when it happened
 * Return: not 0: the id is to be destroyed, it was a request that waited.
 */
int rds_ib_connection::event(rdma_cm_id *cm_id, rdma_cm_event *cm_event, const rv_event &ev)
{
	kernel::guard hold(mutex);

	if (cm_id == waiting.id) {
		if (ev.kind != RV_EVENT_LOST && ev.kind != RV_EVENT_REJECTED)
			return 0;
		waiting = {};
		return -ECONNABORTED;
	}
	if (cm_id == far_id)
		return far_event(ev);
	if (cm_id != id)
		return 0;
	switch (ev.kind) {
	case RV_EVENT_ADDR_RESOLVED:
		step(resolve_route());
		break;
	case RV_EVENT_ROUTE_RESOLVED:
		return rds_ib_transport.cm_initiate_connect(id);
	case RV_EVENT_ESTABLISHED:
		rds_ib_transport.cm_connect_complete(conn, cm_event);
		break;
	case RV_EVENT_REJECTED:
		lost(RDS_WHY_rejected, ev.name);
		break;
	case RV_EVENT_LOST:
		lost(rds_conn_state(conn) == RDS_CONN_UP ? RDS_WHY_peer_closed
							 : RDS_WHY_connect_failed,
		     ev.name);
		break;
	default:
		break;
	}
	return 0;
}

/* An address of what is no InfiniBand device has no route for us (I23). */
int rds_ib_connection::resolve_route()
{
	rv_device *rv = rv_id_device(id);
	if (!rv)
		return -ENODEV;
	rv_device_put(rv);
	return rv_id_resolve_route(id, conn->c_tos);
}

extern "C" int rds_ib_event(void *context, rdma_cm_id *id, rdma_cm_event *event)
{
	rv_event ev;
	rv_event_read(id, event, &ev);
	if (ev.kind == RV_EVENT_REQUEST)
		return rds_ib_transport.cm_handle_connect(id, event);
	if (!context)
		return 0;
	/* it may end as soon as the event has emptied it, with the mutex not quite unlocked */
	auto ic = kernel::ref<rds_ib_connection>::share(static_cast<rds_ib_connection *>(context));
	return ic->event(id, event, ev);
}

/* ---- end ---- */

namespace {

/* What is left of one end. The CM's own events of @id may come until it is destroyed. */
void end(rdma_cm_id *id, rds_ib_link *link)
{
	if (id)
		rv_id_disconnect(id);
	if (link) {
		link->stop();
		kernel::destroy(link);
	}
	if (id)
		rv_id_destroy(id);
}

template <typename T>
T take(T &from)
{
	T it = from;
	from = {};
	return it;
}

} // namespace

/* The conn_shutdown hook. A request that waits is for the next connection, if there will be one. */
void rds_ib_connection::shutdown()
{
	rdma_cm_id *old_id, *old_far, *unwanted = nullptr;
	rds_ib_link *old_link, *old_far_link;
	{
		kernel::guard hold(mutex);
		old_id = take(id);
		old_link = take(link);
		old_far = take(far_id);
		old_far_link = take(far_link);
		passive = false;
		accepting = {};
		if (!rds_conn_alive(conn))
			unwanted = take(waiting).id;
	}
	hide();
	end(old_far, old_far_link);
	end(old_id, old_link);
	if (unwanted) {
		rv_id_reject(unwanted, rds::ib::reject_value);
		rv_id_destroy(unwanted);
	}
}

/* The recv hook. Return: 0; -ENOMEM: again, soon. */
int rds_ib_connection::receive()
{
	int err = link->receive();
	int far_err = far_link ? far_link->receive() : 0;
	return err ? err : far_err;
}
