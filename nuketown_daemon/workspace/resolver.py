"""From a project's name to a clone that is there and on the branch."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

from nuketown_daemon.configuration import Configuration
from nuketown_daemon.errors import SessionError, WorkspaceError
from nuketown_daemon.session.leftovers import end_leftovers
from nuketown_daemon.task import check_branch_name, check_project_name
from nuketown_daemon.workspace.bootstrap import Bootstrap, Finding, Wanted
from nuketown_daemon.workspace.branch import BranchSwitch
from nuketown_daemon.workspace.clone import Clone, look_at, new_clone, put_in_place, set_aside
from nuketown_daemon.workspace.contract import PreparationObserver, Workspace
from nuketown_daemon.workspace.git import Git, safe_line
from nuketown_daemon.workspace.question import CANCEL, choose, chosen
from nuketown_daemon.workspace.remotes import KnownRemotes, agreeing_remote, url_in

_QUESTIONS = 3
"""Times the human is asked where a project is. An answer without a remote lets the model look
again, within the same limits."""
_NOTHING = "nothing was found"


@dataclass(frozen=True)
class _Job:
    """One call of :meth:`Resolver.resolve`."""

    project: str
    path: Path
    branch: str | None
    """The branch asked for, else the configured one."""
    asked_branch: str | None
    url: str | None
    """The configured remote."""
    prompt: str
    observer: PreparationObserver


class Resolver:
    """Implements WorkspaceResolver, in this order; the first that succeeds ends it.

    1. *Cache check*: the clone is there, its remote is the configured one, the branch is checked
       out. No model, no network, two runs of git.
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

    def known_projects(self) -> dict[str, str | None]:
        """Names of configured and cloned repositories, with the remote where one is known."""
        return self._known.names()

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
            marker = self._marker(job)
            if marker.exists():
                await end_leftovers(marker.read_text())
            clone = await look_at(job.path, with_remotes=job.url is not None)
            if clone is not None and _is_ready(clone, job):
                await self._check_interrupted(job)
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
    ) -> _Job:
        try:
            check_project_name(project)
            if branch is not None:
                check_branch_name(branch)
        except ValueError as exc:
            raise WorkspaceError(str(exc)) from exc
        repo = self._configuration.repos.get(project)
        return _Job(
            project=project,
            path=self._configuration.projects_dir.resolve() / project,
            branch=branch or (repo.branch if repo else None),
            asked_branch=branch,
            url=repo.url if repo else None,
            prompt=prompt,
            observer=observer,
        )

    def _marker(self, job: _Job) -> Path:
        """Exists from before a bootstrap until its clone is confirmed, across restarts.

        It holds the mark of the bootstrap's processes.
        """
        return self._state_directory / "unconfirmed" / job.project

    # -- a clone is there

    async def _correct(self, job: _Job) -> Workspace:
        """Bring the clone to where the job wants it; the human decides what is not obvious."""
        await self._check_interrupted(job)
        clone = await _look_again(job)
        if job.url is not None and agreeing_remote(clone.remotes, job.url) is None:
            await self._accept_remote(job, clone)
        if job.branch is not None and clone.workspace.branch != job.branch:
            await self._switch(job, clone, job.path)
            clone = await _look_again(job)
            if clone.workspace.branch != job.branch:
                raise WorkspaceError(f"{job.path} is still not on {job.branch}: look at it there.")
        return clone.workspace

    async def _check_interrupted(self, job: _Job) -> None:
        """Let no clone through that a bootstrap was making when the daemon went down.

        Nothing is moved away here: somebody may have made or used the clone since.
        """
        marker = self._marker(job)
        if not marker.exists():
            return
        clone = await _look_again(job)
        if await _is_incomplete(clone):
            raise WorkspaceError(
                f"{job.path} may be an unfinished clone, because preparing it was interrupted: "
                f"move it away and ask again, or if it is good, remove {marker}."
            )
        url = safe_line(_main_url(clone) or "nothing, it has no remote")
        if not await self._confirmed(job, url):
            raise WorkspaceError(f"{job.path} is a clone of {url}: move it away and ask again.")

    async def _accept_remote(self, job: _Job, clone: Clone) -> None:
        theirs = safe_line(_main_url(clone) or "no remote at all")
        await choose(
            job.observer,
            f"{job.path} is a clone of {theirs}, but {job.project} is configured as "
            f"{safe_line(job.url or '')}. Use it as it is, or cancel?",
            ("use",),
            cancelled=f"{job.path} is a clone of {theirs}: move it away, or correct repos.toml.",
        )

    async def _switch(self, job: _Job, clone: Clone, path: Path, *, fresh: bool = False) -> None:
        assert job.branch is not None
        remote = agreeing_remote(clone.remotes, job.url) if job.url else None
        repo = self._configuration.repos.get(job.project)
        switch = BranchSwitch(
            path=path,
            branch=job.branch,
            remote=remote or _main_remote(clone),
            default_branch=repo.branch if repo else None,
            observer=job.observer,
            fresh=fresh,
        )
        await switch.run()

    # -- nothing is there

    async def _obtain(self, job: _Job, max_cost_usd: float | None) -> Workspace:
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

    async def _clone(self, job: _Job, url: str) -> Workspace:
        await job.observer.progress(f"Cloning {safe_line(url)}")
        async with new_clone(url, job.path.parent) as temporary:
            clone = await look_at(temporary, with_remotes=True)
            if clone is None:
                raise WorkspaceError(f"git clone of {safe_line(url)} left nothing.")
            if job.branch is not None and clone.workspace.branch != job.branch:
                await self._switch(job, clone, temporary, fresh=True)
            put_in_place(temporary, job.path)
        self._marker(job).unlink(missing_ok=True)
        return (await _look_again(job)).workspace

    async def _search(self, job: _Job, bootstrap: Bootstrap, failure: str | None) -> Workspace:
        """Let the model look, then ask the human, until there is a clone to be used."""
        answers: tuple[str, ...] = ()
        finding = await self._look_with_model(job, bootstrap, failure, answers)
        for _ in range(_QUESTIONS):
            problem = await self._use_found(job, finding)
            if problem is None:
                return await self._correct(job)
            reason = problem if problem != _NOTHING else finding.question or failure or problem
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
            f"I could not find out where {job.project} is: name its remote in repos.toml, "
            "or ask again with its URL."
        )

    async def _look_with_model(
        self, job: _Job, bootstrap: Bootstrap, failure: str | None, answers: tuple[str, ...]
    ) -> Finding:
        marker = self._marker(job)
        job.path.parent.mkdir(parents=True, exist_ok=True)
        marker.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        marker.write_text(bootstrap.mark)
        remotes = await self._known.discover()
        return await bootstrap.run(
            Wanted(job.project, job.branch, job.prompt, remotes, failure, answers)
        )

    async def _use_found(self, job: _Job, finding: Finding) -> str | None:
        """Verify what the model left; None: it is a clone to be used, else what is wrong with it.

        What is no clone, not the configured one, or not what the human wants is taken away: there
        was nothing at its place before.
        """
        try:
            problem = await self._problem(job, finding)
        except WorkspaceError as exc:
            problem = str(exc)
        if problem is not None:
            set_aside(job.path)
            self._marker(job).unlink(missing_ok=True)
        return problem

    async def _problem(self, job: _Job, finding: Finding) -> str | None:
        clone = await look_at(job.path, with_remotes=True)
        if clone is None:
            return _NOTHING
        # A limit may have ended the model, and git, in the middle of the clone.
        if finding.question is not None and await _is_incomplete(clone):
            return f"{finding.question}, and the clone is not complete"
        url = safe_line(_main_url(clone) or "a repository without a remote")
        agrees = job.url is None or agreeing_remote(clone.remotes, job.url) is not None
        if agrees and await self._confirmed(job, url):
            return None
        return f"what I found, {url}, is another one"

    async def _confirmed(self, job: _Job, url: str) -> bool:
        """Show the human a remote that the model chose; a configured one needs no answer."""
        if job.url is None:
            question = f"I found {job.project} at {url}. Shall I work on that?"
            answer = await job.observer.ask_human(question, ("yes", "no"))
            if chosen(answer, ("yes", "no")) != "yes":
                return False
        self._marker(job).unlink(missing_ok=True)
        return True

    async def _ask(self, job: _Job, found: tuple[str, ...], reason: str) -> str:
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


def _is_ready(clone: Clone, job: _Job) -> bool:
    if job.branch is not None and clone.workspace.branch != job.branch:
        return False
    return job.url is None or agreeing_remote(clone.remotes, job.url) is not None


def _not_ready(job: _Job, clone: Clone | None) -> str:
    state = "is not there" if clone is None else "is not as it should be (remote or branch)"
    return (
        f"{job.path} {state}; preparing it was interrupted, and it is not begun again by itself: "
        "ask again with retry."
    )


async def _look_again(job: _Job) -> Clone:
    clone = await look_at(job.path, with_remotes=True)
    if clone is None:
        raise WorkspaceError(f"{job.path} has gone away: ask again.")
    return clone


async def _is_incomplete(clone: Clone) -> bool:
    status = await Git(clone.workspace.path).look("status", "--porcelain=v1", "-z", "--no-renames")
    return clone.workspace.head is None or bool(status.stdout)


def _main_remote(clone: Clone) -> str | None:
    return "origin" if "origin" in clone.remotes else next(iter(clone.remotes), None)


def _main_url(clone: Clone) -> str | None:
    name = _main_remote(clone)
    return None if name is None else clone.remotes[name]
