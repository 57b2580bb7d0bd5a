# The whole of sgdwalk, built from the pins of requirements.txt and constraints.txt:
#   docker build -t sgdwalk . && docker run --rm -v "$PWD/results:/sgdwalk/results" sgdwalk
FROM python:3.11-slim
WORKDIR /sgdwalk
COPY requirements.txt constraints.txt ./
RUN python -m pip install --no-cache-dir --requirement requirements.txt --constraint constraints.txt
COPY Snakefile config.yaml ./
COPY workflow workflow
COPY studies studies
COPY profiles profiles
COPY pbs pbs
COPY envs envs
ENTRYPOINT ["snakemake"]
CMD ["--cores", "all"]
