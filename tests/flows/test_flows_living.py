"""Runs that were killed, as Prefect's server is told of them."""

from types import SimpleNamespace
from uuid import uuid4

from prefect.states import Cancelling, Completed, Running

from flows import living

AT_ONCE = 200  # of task runs, as Prefect's server has it


class Server:
    """What `living` asks of Prefect's server, for one run."""

    def __init__(self, state, tasks):
        self.run = SimpleNamespace(id=uuid4(), name="tame-run", state=state)
        self.tasks = {each: Running() for each in range(tasks)} | {"done": Completed()}

    def read_flow_run(self, number):
        assert number == self.run.id
        return self.run

    def read_task_runs(self, flow_run_filter, task_run_filter):
        assert flow_run_filter.id.any_ == [self.run.id]
        wanted = task_run_filter.state.type.any_
        found = [SimpleNamespace(id=at) for at, it in self.tasks.items() if it.type in wanted]
        return found[:AT_ONCE]

    def set_task_run_state(self, number, state, force):
        assert force and not self.tasks[number].is_final()
        self.tasks[number] = state

    def set_flow_run_state(self, number, state, force):
        assert force and number == self.run.id
        self.run.state = state


def ended(tmp_path, state, tasks=1):
    server = Server(state, tasks)
    file = tmp_path / str(server.run.id)
    file.touch()
    living.end(server, file)
    assert not file.exists()
    return server


def test_all_tasks_of_a_killed_run_end_however_many_there_are(tmp_path):
    server = ended(tmp_path, Running(), tasks=2 * AT_ONCE + 10)  # 30 problems have 210
    assert server.run.state.is_crashed()
    assert server.tasks.pop("done").is_completed()
    assert all(each.is_crashed() for each in server.tasks.values())


def test_a_run_that_was_to_be_cancelled_and_was_killed_is_cancelled(tmp_path):
    server = ended(tmp_path, Cancelling())
    assert server.run.state.is_cancelled() and server.tasks[0].is_cancelled()


def test_a_run_that_had_ended_stays_as_it_was(tmp_path):
    assert ended(tmp_path, Completed(), tasks=0).run.state.is_completed()
