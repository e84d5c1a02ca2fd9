/*
 * agentstate: is the agent of a data directory running, and what did it last say of itself?
 */
#ifndef PGSTRAND_AGENTSTATE_H
#define PGSTRAND_AGENTSTATE_H

#include "agent/datadir.h"

enum agent_life { AGENT_STOPPED, AGENT_RUNNING, AGENT_UNKNOWN };

/* By the lock that the daemon holds; AGENT_UNKNOWN when the lock may not be looked at. */
enum agent_life agentstate_life(const struct datadir *d);

/* "runs", "is not running", ... : for messages. */
const char *agentstate_words(enum agent_life life);

/* What it last told; NULL in *out when it never ran. Free with pbmem_free. */
MUST_CHECK status agentstate_load(struct datadir *d, Pgstrand__AgentState **out, err *e);

/* The set-up's state; NULL when init never began. Free with pbmem_free. */
MUST_CHECK status agentstate_setup(struct datadir *d, Pgstrand__SetupRecord **out, err *e);

#endif
