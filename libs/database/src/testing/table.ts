/** A table as far as Prisma and PostgreSQL can agree on it. */
export interface Table {
  columns: Map<string, Column>;
  /** Column names, in order; empty: none. */
  primaryKey: string[];
  /** Column names of each unique index over whole rows and plain columns, joined by a comma. */
  uniques: Set<string>;
}

export interface Column {
  /** As PostgreSQL's format_type writes it, without a schema: `character varying(10)`, `text[]`, `vector(3)`. */
  type: string;
  /** Undefined: either will do. */
  nullable: boolean | undefined;
  /** Prisma: the database must fill it in. Database: it does. */
  filledIn: boolean;
}
