"""Several players at one server at the same time, and kill -9 in the middle of it all."""

import random
import threading

from harness.baggageclaim import tar_of
from harness.http import StatusError
from harness.volume_model import CUT_OFF, Player
from harness.wait import wait_until


class Crowd:
    """Every player has volumes of its own, and all copy from `base`."""

    def __init__(self, server, seed, players):
        self.server, self.random = server, random.Random(seed)
        files = {f"base/{number}": self.random.randbytes(20_000) for number in range(20)}
        server.api.create("empty", "base")
        server.api.stream_in("base", tar_of(files), encoding="raw")
        shared = {"base": {"files": files}}
        self.players = [Player(server, seed + number, log=lambda words: None, prefix=f"p{number}-", shared=shared, reuse=False)
                        for number in range(players)]
        self.done, self.killed = 0, False

    def play(self, kills, operations):
        """Kills the server `kills` times, after up to `operations` operations each, and checks every volume each time."""
        for _ in range(kills):
            self.round(self.random.randint(1, operations))
        return self.done

    def round(self, operations):
        self.killed, enough = False, self.done + operations
        under_way, failures = {}, []
        threads = [threading.Thread(target=self.run, args=(player, under_way, failures)) for player in self.players]
        for thread in threads:
            thread.start()
        try:
            wait_until(lambda: self.done >= enough or failures, "the players to play", 120)
        finally:
            self.killed = True
            self.server.kill()
            for thread in threads:
                thread.join()
        assert not failures, failures
        self.server.start()
        assert not self.server.status()["recovered"]["quarantined"], self.server.logged("baggageclaim.volume quarantined")
        for player in self.players:
            if change := under_way.get(player):
                player.settle(change)
            else:
                player.check()

    def run(self, player, under_way, failures):
        """Until the server is gone. What is under way then may have happened or not."""
        while not self.killed:
            words, do, change = player.choose()
            try:
                do()
            except StatusError as error:
                if change is not None:
                    failures.append(f"{words} was refused: {error} {self.server.logged('baggageclaim.request failed')}")
                    return
            except CUT_OFF as error:
                if not self.killed:
                    failures.append(f"{words}: {error}")
                under_way[player] = change
                return
            else:
                if change is None:
                    failures.append(f"{words} should have been refused")
                    return
                change(player.model)
            self.done += 1
