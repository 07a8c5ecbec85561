/*
 * The Lua scripts of the broker: one row for each file of common/broker/lua, with the pieces of
 * lua/lib that it includes, embedded when the programs are built. LUA_RELEASE is lua/release.lua.
 * The table ends with a row of NULLs at LUA_COUNT.
 */
#ifndef BROKER_LUA_H
#define BROKER_LUA_H

#include "lua_names.h"

struct lua_text {
        const char *name;
        const char *text;
};

extern const struct lua_text lua_texts[];

#endif
