"""From a project's name to a clone that is there and on the branch."""

from __future__ import annotations

import asyncio
import difflib
from dataclasses import dataclass
from pathlib import Path

from nuketown_daemon.configuration import Configuration
from nuketown_daemon.errors import SessionError, WorkspaceError
from nuketown_daemon.task import check_branch_name, check_project_name
from nuketown_daemon.workspace.bootstrap import Bootstrap, Finding, Wanted
from nuketown_daemon.workspace.branch import BranchSwitch
from nuketown_daemon.workspace.clone import Clone, look_at, new_clone, put_in_place
from nuketown_daemon.workspace.contract import PreparationObserver, Workspace
from nuketown_daemon.workspace.git import safe_line
from nuketown_daemon.workspace.question import CANCEL, choose, chosen
from nuketown_daemon.workspace.remotes import KnownRemotes, RemotesRead, agreeing_remote, url_in
from nuketown_daemon.workspace.verification import (
    NOTHING,
    Job,
    Verification,
    is_ready,
    look_again,
    main_remote,
    main_url,
)
from nuketown_daemon.workspace.work_trees import WorkTreesRead

_QUESTIONS = 3
"""Times the human is asked where a project is. An answer without a remote lets the model look
again, within the same limits."""


_GLANCE_S = 2.0
"""How long a look ahead is good for, in seconds."""


@dataclass(frozen=True)
class _Glance:
    """A look at a clone that began before its task did."""

    path: Path
    with_remotes: bool
    at: float
    """Seconds of the event loop's clock."""
    clone: asyncio.Task[Clone | None]


class Resolver:
    """Implements WorkspaceResolver, in this order; the first that succeeds ends it.

    1. *Cache check*: the clone is there, its remote is the configured one, the branch is checked
       out. No model, no network, two runs of git the first time.
    2. *Obvious steps* without a model: clone a configured remote; switch a clone's branch. An
       existing clone is never given to the model: a question to the human is safer for the work
       that is in it.
    3. *Bootstrap*: a small model looks for a project that is not configured, or whose clone
       failed. Its result is verified here, and a remote that no configuration names is shown to
       the human before work begins.
    4. *The human*, with the candidates. Never a bigger model.
    """

    def __init__(self, configuration: Configuration, state_directory: Path) -> None:
        """Work in the projects directory of ``configuration``."""
        self._configuration = configuration
        self._state_directory = state_directory
        self._known = KnownRemotes(configuration.repos, configuration.projects_dir)
        self._glance: _Glance | None = None
        self._remotes = RemotesRead()
        self._work_trees = WorkTreesRead()

    def known_projects(self) -> dict[str, str | None]:
        """Names of configured and cloned repositories, with the remote where one is known."""
        return self._known.names()

    def look_ahead(self, project: str) -> None:
        """Begin to look at a clone that :meth:`resolve` is about to be asked for."""
        path = self._configuration.projects_dir.resolve() / check_project_name(project)
        with_remotes = project in self._configuration.repos
        clone = asyncio.create_task(self._look_at(path, with_remotes=with_remotes))
        # Nobody may come for it; then its failure, which is found again, is of no interest.
        clone.add_done_callback(lambda task: task.cancelled() or task.exception())
        self._glance = _Glance(path, with_remotes, asyncio.get_running_loop().time(), clone)

    async def ready(
        self, project: str, branch: str | None, observer: PreparationObserver
    ) -> Workspace | None:
        """Cache check alone: the workspace if it is there and on the branch, else None."""
        try:
            job = self._job(project, branch, "", observer)
            if self._verification(job).interrupted:
                return None
            clone = await self._look(job)
        except (WorkspaceError, OSError):
            return None  # resolve() finds it again, and says it
        return clone.workspace if clone is not None and is_ready(clone, job) else None

    async def _look(self, job: Job) -> Clone | None:
        glance, self._glance = self._glance, None
        with_remotes = job.url is not None
        if (
            glance is not None
            and (glance.path, glance.with_remotes) == (job.path, with_remotes)
            and asyncio.get_running_loop().time() - glance.at < _GLANCE_S
        ):
            return await glance.clone
        return await self._look_at(job.path, with_remotes=with_remotes)

    async def _look_at(self, path: Path, *, with_remotes: bool) -> Clone | None:
        return await look_at(
            path,
            with_remotes=with_remotes,
            read_remotes=self._remotes.of,
            read_work_tree=self._work_trees.of,
        )

    async def resolve(
        self,
        project: str,
        branch: str | None,
        prompt: str,
        observer: PreparationObserver,
        *,
        model_allowed: bool = True,
        max_cost_usd: float | None = None,
    ) -> Workspace:
        """Find ``project`` under the projects directory, or prepare it.

        :param model_allowed: False after a crash in the middle of a bootstrap: only look
        :param max_cost_usd: what the bootstrap may cost at most, in US dollars
        :raises WorkspaceError: it can't be had; the text says why and what to do
        """
        job = self._job(project, branch, prompt, observer)
        try:
            verification = self._verification(job)
            await verification.end_interrupted()
            clone = await self._look(job)
            if clone is not None and is_ready(clone, job):
                await verification.check_interrupted()
                return clone.workspace
            if not model_allowed:
                raise WorkspaceError(_not_ready(job, clone))
            if clone is not None:
                return await self._correct(job)
            return await self._obtain(job, max_cost_usd)
        except SessionError as exc:
            raise WorkspaceError(f"{project} is not ready: {exc}") from exc
        except OSError as exc:
            raise WorkspaceError(
                f"{exc.filename or job.path}: {exc.strerror}: mend it and ask again."
            ) from exc

    def _job(
        self, project: str, branch: str | None, prompt: str, observer: PreparationObserver
    ) -> Job:
        try:
            check_project_name(project)
            if branch is not None:
                check_branch_name(branch)
        except ValueError as exc:
            raise WorkspaceError(str(exc)) from exc
        repo = self._configuration.repos.get(project)
        return Job(
            project=project,
            path=self._configuration.projects_dir.resolve() / project,
            branch=branch or (repo.branch if repo else None),
            asked_branch=branch,
            url=repo.url if repo else None,
            prompt=prompt,
            observer=observer,
        )

    def _verification(self, job: Job) -> Verification:
        return Verification(job, self._state_directory)

    # -- a clone is there

    async def _correct(self, job: Job) -> Workspace:
        """Bring the clone to where the job wants it; the human decides what is not obvious."""
        await self._verification(job).check_interrupted()
        clone = await look_again(job)
        if job.url is not None and agreeing_remote(clone.remotes, job.url) is None:
            await self._accept_remote(job, clone)
        if job.branch is not None and clone.workspace.branch != job.branch:
            await self._switch(job, clone, job.path)
            clone = await look_again(job)
            if clone.workspace.branch != job.branch:
                raise WorkspaceError(f"{job.path} is still not on {job.branch}: look at it there.")
        return clone.workspace

    async def _accept_remote(self, job: Job, clone: Clone) -> None:
        theirs = safe_line(main_url(clone) or "no remote at all")
        await choose(
            job.observer,
            f"{job.path} is a clone of {theirs}, but {job.project} is configured as "
            f"{safe_line(job.url or '')}. Use it as it is, or cancel?",
            ("use",),
            cancelled=f"{job.path} is a clone of {theirs}: move it away, or correct repos.toml "
            "and restart me.",
        )

    async def _switch(self, job: Job, clone: Clone, path: Path, *, fresh: bool = False) -> None:
        assert job.branch is not None
        remote = agreeing_remote(clone.remotes, job.url) if job.url else None
        repo = self._configuration.repos.get(job.project)
        switch = BranchSwitch(
            path=path,
            branch=job.branch,
            remote=remote or main_remote(clone),
            default_branch=repo.branch if repo else None,
            observer=job.observer,
            fresh=fresh,
        )
        await switch.run()

    # -- nothing is there

    async def _obtain(self, job: Job, max_cost_usd: float | None) -> Workspace:
        failure = None
        if job.url is not None:
            try:
                return await self._clone(job, job.url)
            except WorkspaceError as exc:
                failure = str(exc)
                await job.observer.progress(f"That did not work: {failure}")
        bootstrap = Bootstrap(
            self._configuration, self._state_directory, job.observer, max_cost_usd=max_cost_usd
        )
        return await self._search(job, bootstrap, failure)

    async def _clone(self, job: Job, url: str) -> Workspace:
        await job.observer.progress(f"Cloning {safe_line(url)}")
        async with new_clone(url, job.path.parent) as temporary:
            clone = await look_at(temporary, with_remotes=True)
            if clone is None:
                raise WorkspaceError(f"git clone of {safe_line(url)} left nothing.")
            if job.branch is not None and clone.workspace.branch != job.branch:
                await self._switch(job, clone, temporary, fresh=True)
            put_in_place(temporary, job.path)
        self._verification(job).end()
        return (await look_again(job)).workspace

    async def _search(self, job: Job, bootstrap: Bootstrap, failure: str | None) -> Workspace:
        """Let the model look, then ask the human, until there is a clone to be used."""
        answers: tuple[str, ...] = ()
        finding = await self._look_with_model(job, bootstrap, failure, answers)
        for _ in range(_QUESTIONS):
            problem = await self._verification(job).use_found(finding)
            if problem is None:
                return await self._correct(job)
            reason = problem if problem != NOTHING else finding.question or failure or problem
            answer = await self._ask(job, finding.candidates, reason)
            url = url_in(answer)
            if url is not None:
                try:
                    return await self._clone(job, url)
                except WorkspaceError as exc:
                    finding = Finding(str(exc))
            elif answer in self.known_projects() and answer != job.project:
                # What this search cost is told already: the other project gets no model.
                return await self.resolve(
                    answer, job.asked_branch, job.prompt, job.observer, max_cost_usd=0.0
                )
            else:
                answers = (*answers, answer)
                finding = await self._look_with_model(job, bootstrap, failure, answers)
        raise WorkspaceError(
            f"I could not find out where {job.project} is: ask again with its URL, or name its "
            "remote in repos.toml and restart me."
        )

    async def _look_with_model(
        self, job: Job, bootstrap: Bootstrap, failure: str | None, answers: tuple[str, ...]
    ) -> Finding:
        job.path.parent.mkdir(parents=True, exist_ok=True)
        self._verification(job).begin(bootstrap.mark)
        remotes = await self._known.discover()
        return await bootstrap.run(
            Wanted(job.project, job.branch, job.prompt, remotes, failure, answers)
        )

    async def _ask(self, job: Job, found: tuple[str, ...], reason: str) -> str:
        known = self.known_projects().keys() - {job.project}
        similar = difflib.get_close_matches(job.project, known, n=3)
        offered = (*dict.fromkeys((*found, *similar)), CANCEL)
        said = await job.observer.ask_human(
            f"I don't know where to get {job.project}: {reason}. Which repository is it? "
            f"Send its URL, or {CANCEL}.",
            offered,
        )
        answer = chosen(said, offered) or said.strip()
        if answer == CANCEL:
            raise WorkspaceError(f"nothing was cloned for {job.project}, as you said.")
        return answer


def _not_ready(job: Job, clone: Clone | None) -> str:
    state = "is not there" if clone is None else "is not as it should be (remote or branch)"
    return (
        f"{job.path} {state}; preparing it was interrupted, and it is not begun again by itself: "
        "ask again with retry."
    )
