#pragma once
// Nothing to call: see holdings.c.
