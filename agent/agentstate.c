#include "agent/agentstate.h"

#include "store/io.h"

enum agent_life agentstate_life(const struct datadir *d)
{
    OWNED(text) char *path = io_join(d->root, "agent.lock");
    OWNED(io_lock) struct io_lock *lock = NULL;
    err why = ERR_INIT;

    if (path == NULL)
        return AGENT_UNKNOWN;
    if (!io_exists(path))
        return AGENT_STOPPED;
    if (io_lock(path, false, &lock, &why).ok)
        return AGENT_STOPPED;
    return why.class == ERR_REFUSED ? AGENT_RUNNING : AGENT_UNKNOWN;
}

const char *agentstate_words(enum agent_life life)
{
    switch (life) {
    case AGENT_RUNNING:
        return "the agent is running";
    case AGENT_STOPPED:
        return "the agent is not running: start pgstrand-agent";
    default:
        return "whether the agent runs cannot be seen from here";
    }
}

status agentstate_load(struct datadir *d, Pgstrand__AgentState **out, err *e)
{
    return catalog_get(d->catalog, CATALOG_AGENT, bytes_of(NULL, 0), (ProtobufCMessage **)(void *)out, e);
}

status agentstate_setup(struct datadir *d, Pgstrand__SetupRecord **out, err *e)
{
    return catalog_get(d->catalog, CATALOG_SETUP, bytes_of(NULL, 0), (ProtobufCMessage **)(void *)out, e);
}
