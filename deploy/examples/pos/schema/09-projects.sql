-- A6. Projects and construction.

CREATE TABLE "constructionProjects" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "businessId" uuid NOT NULL REFERENCES businesses ON DELETE CASCADE,
    name text NOT NULL,
    site "postalAddress",
    budget amount,
    status text NOT NULL DEFAULT 'planning',
    "startedOn" date,
    "endedOn" date
);

CREATE TABLE "constructionExpenses" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "projectId" uuid NOT NULL REFERENCES "constructionProjects" ON DELETE CASCADE,
    description text NOT NULL,
    amount amount NOT NULL,
    "spentOn" date NOT NULL DEFAULT CURRENT_DATE
);

CREATE TABLE projects (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "businessId" uuid NOT NULL REFERENCES businesses ON DELETE CASCADE,
    "projectTypeId" uuid NOT NULL REFERENCES "projectTypes",
    "constructionProjectId" uuid UNIQUE REFERENCES "constructionProjects" ON DELETE SET NULL,
    name text NOT NULL,
    priority smallint NOT NULL DEFAULT 3 CHECK (priority BETWEEN 1 AND 5),
    budget amount,
    progress real NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
    "createdBy" text REFERENCES users,
    "createdAt" timestamptz NOT NULL DEFAULT now(),
    "updatedAt" timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE "projectStages" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "projectId" uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
    name text NOT NULL,
    position integer NOT NULL,
    planned daterange,
    "completedAt" timestamptz,
    -- Deferrable, so that two stages can swap places in one transaction.
    UNIQUE ("projectId", position) DEFERRABLE INITIALLY DEFERRED
);

CREATE TABLE "projectContractors" (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "projectId" uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
    "personId" uuid NOT NULL REFERENCES persons,
    role text,
    "contractAmount" amount,
    UNIQUE ("projectId", "personId")
);

CREATE TABLE "stageContractorAssignments" (
    "stageId" uuid NOT NULL REFERENCES "projectStages" ON DELETE CASCADE,
    "contractorId" uuid NOT NULL REFERENCES "projectContractors" ON DELETE CASCADE,
    "predeterminedAmount" amount NOT NULL DEFAULT 0,
    "depositPaid" boolean NOT NULL DEFAULT false,
    PRIMARY KEY ("stageId", "contractorId")
);

CREATE TABLE "projectTransactions" (
    id bigserial PRIMARY KEY,
    "projectId" uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
    "stageId" uuid REFERENCES "projectStages" ON DELETE SET NULL,
    "contractorId" uuid REFERENCES "projectContractors" ON DELETE SET NULL,
    amount amount NOT NULL,
    "transactedAt" timestamptz NOT NULL DEFAULT now()
);
