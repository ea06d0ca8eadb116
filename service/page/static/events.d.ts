/* Types of events.js. */

import type { components } from "./openapi";

export type Job = components["schemas"]["Job"];
export type JobProgress = components["schemas"]["JobProgress"];
export type Problem = components["schemas"]["Problem"];
export type State = "live" | "polling" | "away";

export interface Follow {
  headers?: Record<string, string>;
  signal?: AbortSignal;
  onProgress?: (progress: JobProgress["progress"], status: JobProgress["status"]) => void;
  onState?: (state: State) => void;
  firstPause?: number;
}

export interface ServerSentEvent {
  event: string;
  id: string | null;
  data: string;
}

export class ProblemError extends Error {
  constructor(status: number, problem: Problem, retryAfter?: number | null);
  readonly status: number;
  readonly problem: Problem;
  readonly retryAfter: number | null;
  readonly isPassing: boolean;
}

export function readProblem(response: Response): Promise<ProblemError>;
export function events(response: Response): AsyncGenerator<ServerSentEvent, void>;
export function followJob(base: string | URL, id: string, follow?: Follow): Promise<Job>;
