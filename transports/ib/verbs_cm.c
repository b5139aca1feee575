// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel side of rds_rdma: the connection manager. Events go to rds_ib_event(), which decides; its
 * ids and events are opaque there. RDS over InfiniBand lives in the initial network namespace.
 * See verbs.h.
 */
#include <linux/err.h>
#include <linux/inetdevice.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <net/addrconf.h>
#include <net/ipv6.h>
#include <net/net_namespace.h>
#include <rdma/ib_cm.h>
#include <rdma/rdma_cm.h>

#include "verbs_half.h"
#include "rds/wire.h"
#include "trace.h"

#define RESOLVE_MS     5000
#define LISTEN_BACKLOG 128
#define RNR_TIMER      IB_RNR_TIMER_000_32
#define RNR_RETRIES    7 /* for ever: a peer posts its first receives late (ib.md 8) */

static struct rdma_cm_id *listeners[2];
static struct workqueue_struct *forget_wq;

/* Zero where there is nothing to say: the kernel's stack is nobody's business. */
static void fill_sockaddr(struct sockaddr_storage *ss, const struct in6_addr *addr, u16 port,
			  u32 scope_id)
{
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ss;
	struct sockaddr_in *sin = (struct sockaddr_in *)ss;

	memset(ss, 0, sizeof(*ss));
	if (ipv6_addr_v4mapped(addr)) {
		sin->sin_family = AF_INET;
		sin->sin_addr.s_addr = addr->s6_addr32[3];
		sin->sin_port = htons(port);
		return;
	}
	sin6->sin6_family = AF_INET6;
	sin6->sin6_addr = *addr;
	sin6->sin6_port = htons(port);
	sin6->sin6_scope_id = scope_id;
}

static u16 port_of(const struct in6_addr *addr)
{
	return ipv6_addr_v4mapped(addr) ? RDS_CM_PORT : RDS_TCP_PORT;
}

struct net *rv_net(void)
{
	return &init_net;
}

bool rv_net_is_initial(const struct net *net)
{
	return net == &init_net;
}

/* ---- events ---- */

static int handler(struct rdma_cm_id *id, struct rdma_cm_event *event)
{
	if (trace_rds_ib_cm_enabled()) {
		struct rv_route route;

		rv_id_route(id, &route);
		trace_rds_ib_cm(&route, event);
	}
	return rds_ib_event(id->context, id, event);
}

static enum rv_event_kind kind_of(enum rdma_cm_event_type type)
{
	switch (type) {
	case RDMA_CM_EVENT_CONNECT_REQUEST:
		return RV_EVENT_REQUEST;
	case RDMA_CM_EVENT_ADDR_RESOLVED:
		return RV_EVENT_ADDR_RESOLVED;
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		return RV_EVENT_ROUTE_RESOLVED;
	case RDMA_CM_EVENT_ESTABLISHED:
		return RV_EVENT_ESTABLISHED;
	case RDMA_CM_EVENT_REJECTED:
		return RV_EVENT_REJECTED;
	case RDMA_CM_EVENT_ADDR_ERROR:
	case RDMA_CM_EVENT_ROUTE_ERROR:
	case RDMA_CM_EVENT_CONNECT_ERROR:
	case RDMA_CM_EVENT_UNREACHABLE:
	case RDMA_CM_EVENT_DISCONNECTED:
	case RDMA_CM_EVENT_DEVICE_REMOVAL:
	case RDMA_CM_EVENT_ADDR_CHANGE:
	case RDMA_CM_EVENT_TIMEWAIT_EXIT:
		return RV_EVENT_LOST;
	default:
		return RV_EVENT_OTHER;
	}
}

static void read_rejection(struct rdma_cm_id *id, struct rdma_cm_event *event, struct rv_event *out)
{
	u8 len = 0;
	const void *data = rdma_consumer_reject_data(id, event, &len);

	out->by_peer = event->status == IB_CM_REJ_CONSUMER_DEFINED;
	if (data && len >= sizeof(s32))
		memcpy(&out->reject_value, data, sizeof(out->reject_value));
}

void rv_event_read(struct rdma_cm_id *id, struct rdma_cm_event *event, struct rv_event *out)
{
	memset(out, 0, sizeof(*out));
	out->kind = kind_of(event->event);
	out->name = rdma_event_msg(event->event);
	switch (out->kind) {
	case RV_EVENT_REQUEST:
	case RV_EVENT_ESTABLISHED:
		out->data = event->param.conn.private_data;
		out->len = out->data ? event->param.conn.private_data_len : 0;
		out->initiator_depth = event->param.conn.initiator_depth;
		out->responder_resources = event->param.conn.responder_resources;
		break;
	case RV_EVENT_REJECTED:
		read_rejection(id, event, out);
		break;
	default:
		break;
	}
}

/* ---- listening ---- */

static int listen_on(struct rdma_cm_id *id, bool v6)
{
	struct sockaddr_storage ss;
	/* mapped, that is what tells IPv4 */
	struct in6_addr any = v6 ? (struct in6_addr)IN6ADDR_ANY_INIT
				 : (struct in6_addr){.s6_addr32[2] = htonl(0xffff)};
	int err = rdma_set_afonly(id, 1);

	if (err)
		return err;
	fill_sockaddr(&ss, &any, port_of(&any), 0);
	err = rdma_bind_addr(id, (struct sockaddr *)&ss);
	return err ? err : rdma_listen(id, LISTEN_BACKLOG);
}

int rv_listen(bool v6)
{
	struct rdma_cm_id *id = rv_id_create(NULL);
	int err;

	if (IS_ERR(id))
		return PTR_ERR(id);
	err = listen_on(id, v6);
	if (err)
		rdma_destroy_id(id);
	else
		listeners[v6] = id;
	return err;
}

void rv_unlisten(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(listeners); i++) {
		if (listeners[i])
			rdma_destroy_id(listeners[i]);
		listeners[i] = NULL;
	}
}

/* ---- ids ---- */

struct rdma_cm_id *rv_id_create(void *context)
{
	return rdma_create_id(&init_net, handler, context, RDMA_PS_TCP, IB_QPT_RC);
}

void rv_id_destroy(struct rdma_cm_id *id)
{
	rdma_destroy_id(id);
}

void *rv_id_context(const struct rdma_cm_id *id)
{
	return id->context;
}

void rv_id_set_context(struct rdma_cm_id *id, void *context)
{
	id->context = context;
}

void rv_id_lock(struct rdma_cm_id *id)
{
	rdma_lock_handler(id);
}

void rv_id_unlock(struct rdma_cm_id *id)
{
	rdma_unlock_handler(id);
}

int rv_id_resolve_addr(struct rdma_cm_id *id, const struct in6_addr *laddr,
		       const struct in6_addr *faddr, u32 scope_id)
{
	struct sockaddr_storage from, to;

	int err;

	fill_sockaddr(&from, laddr, 0, scope_id);
	fill_sockaddr(&to, faddr, port_of(faddr), scope_id);
	/* the CM warns if the device that it has just found goes meanwhile: not with the lock held */
	rdma_lock_handler(id);
	err = rdma_resolve_addr(id, (struct sockaddr *)&from, (struct sockaddr *)&to, RESOLVE_MS);
	rdma_unlock_handler(id);
	return err;
}

int rv_id_resolve_route(struct rdma_cm_id *id, u8 tos)
{
	rdma_set_service_type(id, tos);
	rdma_set_min_rnr_timer(id, RNR_TIMER);
	return rdma_resolve_route(id, RESOLVE_MS);
}

static void fill_param(struct rdma_conn_param *param, const struct rv_offer *offer)
{
	memset(param, 0, sizeof(*param));
	param->private_data = offer->data;
	param->private_data_len = offer->len;
	param->responder_resources = offer->responder_resources;
	param->initiator_depth = offer->initiator_depth;
	param->retry_count = offer->retry_count;
	param->rnr_retry_count = RNR_RETRIES;
}

int rv_id_connect(struct rdma_cm_id *id, const struct rv_offer *offer, u8 sl)
{
	struct rdma_conn_param param;

	fill_param(&param, offer);
	/* iWARP has none */
	if (id->route.path_rec)
		id->route.path_rec->sl = sl;
	return rdma_connect_locked(id, &param);
}

int rv_id_accept(struct rdma_cm_id *id, const struct rv_offer *offer)
{
	struct rdma_conn_param param;

	fill_param(&param, offer);
	rdma_set_min_rnr_timer(id, RNR_TIMER);
	return rdma_accept(id, &param);
}

void rv_id_reject(struct rdma_cm_id *id, s32 value)
{
	rdma_reject(id, &value, sizeof(value), IB_CM_REJ_CONSUMER_DEFINED);
}

void rv_id_disconnect(struct rdma_cm_id *id)
{
	rdma_disconnect(id);
}

struct rv_device *rv_id_device(const struct rdma_cm_id *id)
{
	struct rv_device *dev = NULL;

	rcu_read_lock();
	if (id->device && id->device->node_type == RDMA_NODE_IB_CA)
		dev = ib_get_client_data(id->device, &rv_client);
	if (dev && !refcount_inc_not_zero(&dev->refs))
		dev = NULL;
	rcu_read_unlock();
	return dev;
}

static void address_of(const struct sockaddr_storage *ss, struct in6_addr *addr)
{
	if (ss->ss_family == AF_INET)
		ipv6_addr_set_v4mapped(((const struct sockaddr_in *)ss)->sin_addr.s_addr, addr);
	else
		*addr = ((const struct sockaddr_in6 *)ss)->sin6_addr;
}

void rv_id_route(const struct rdma_cm_id *id, struct rv_route *route)
{
	const struct rdma_addr *a = &id->route.addr;

	memset(route, 0, sizeof(*route));
	route->v6 = a->src_addr.ss_family == AF_INET6;
	address_of(&a->src_addr, &route->laddr);
	address_of(&a->dst_addr, &route->faddr);
	route->if_index = a->dev_addr.bound_dev_if;
	if (id->route.path_rec)
		route->sl = id->route.path_rec->sl;
	static_assert(sizeof(union ib_gid) == sizeof(route->sgid));
	rdma_read_gids((struct rdma_cm_id *)id, (union ib_gid *)route->sgid,
		       (union ib_gid *)route->dgid);
}

/* The CM would take any link-local address: ask the stack whose it is (ib.md 3). A VRF's are its devices'. */
static bool has_ipv6(const struct in6_addr *addr, u32 if_index)
{
	bool local = false;

#if IS_ENABLED(CONFIG_IPV6)
	bool link_local = ipv6_addr_type(addr) & IPV6_ADDR_LINKLOCAL;
	struct net_device *dev;

	if (!ipv6_mod_enabled())
		return false;
	rcu_read_lock();
	dev = if_index ? dev_get_by_index_rcu(&init_net, if_index) : NULL;
	if (dev || !link_local)
		local = ipv6_chk_addr(&init_net, addr, dev, link_local);
	rcu_read_unlock();
#endif
	return local;
}

bool rv_is_local(const struct in6_addr *addr, u32 if_index)
{
	bool local;

	if (!ipv6_addr_v4mapped(addr))
		return has_ipv6(addr, if_index);
	rcu_read_lock();
	local = __ip_dev_find(&init_net, addr->s6_addr32[3], false);
	rcu_read_unlock();
	return local;
}

struct forgotten {
	struct work_struct work;
	struct rdma_cm_id *id;
};

static void forget(struct work_struct *work)
{
	struct forgotten *f = container_of(work, struct forgotten, work);

	rdma_destroy_id(f->id);
	kfree(f);
}

/*
 * Destroying takes the lock of an id's events, and events of others want the core's registry, which
 * whoever asks for a device may hold.
 */
static void destroy_later(struct rdma_cm_id *id)
{
	struct forgotten *f = kmalloc(sizeof(*f), GFP_KERNEL);

	if (!f) {
		rdma_destroy_id(id);
		return;
	}
	INIT_WORK(&f->work, forget);
	f->id = id;
	queue_work(forget_wq, &f->work);
}

int rv_cm_init(void)
{
	forget_wq = alloc_workqueue("rds_ib_ids", WQ_UNBOUND, 0);
	return forget_wq ? 0 : -ENOMEM;
}

void rv_cm_exit(void)
{
	destroy_workqueue(forget_wq);
}

struct rv_device *rv_local_device(const struct in6_addr *addr, u32 scope_id)
{
	struct rv_device *dev = NULL;
	struct sockaddr_storage ss;
	struct rdma_cm_id *id;

	if (ipv6_addr_type(addr) & IPV6_ADDR_LINKLOCAL && !has_ipv6(addr, scope_id))
		return ERR_PTR(-EADDRNOTAVAIL);
	id = rv_id_create(NULL);
	if (IS_ERR(id))
		return ERR_CAST(id);
	fill_sockaddr(&ss, addr, 0, scope_id);
	if (!rdma_bind_addr(id, (struct sockaddr *)&ss))
		dev = rv_id_device(id);
	destroy_later(id);
	return dev ? dev : ERR_PTR(-EADDRNOTAVAIL);
}
