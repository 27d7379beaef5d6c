"""Opens an incident whose alert waits for a second opinion that does not come; to be killed while it waits."""

import asyncio
import sys
from pathlib import Path

from tests.app.desk_room import desk_room
from tests.delivery.samples import hook


async def _main(folder: str, text: str, url: str) -> None:
    async with desk_room(Path(folder), text, hook(url)) as room:
        print(room.open_incident("lobby"), flush=True)
        await room.recorded()
        print("committed", flush=True)
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
