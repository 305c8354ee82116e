/** A token of a service account. */
export interface TokenRequest {
  namespace: string;
  serviceAccount: string;
  /** The pod it is good for as long as that exists. The API binds none to a pod that does not name its account. */
  pod?: { name: string; uid: string };
  /** Absent: the API server itself. */
  audience?: string;
  lifetimeSeconds: number;
}

export interface IssuedToken {
  token: string;
  /** Milliseconds since 1970. */
  expiresAt: number;
}

export type IssueToken = (request: TokenRequest, signal: AbortSignal) => Promise<IssuedToken>;
