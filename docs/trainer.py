import json, subprocess, sys

def fecund(*words, told=""):
    return subprocess.run(["fecund", *words], input=told, stdout=subprocess.PIPE, text=True, check=True).stdout

def train(candidate, seed):  # yours would train; this one counts
    return sum(candidate["arch"].count(digit) for digit in "12") / 8

run = sys.argv[1]
while asked := fecund("ask", run, "-n", "4"):
    for job in map(json.loads, asked.splitlines()):
        accuracy = train(job["canonical"], job["seed"])
        fecund("tell", run, told=json.dumps({"trial": job["trial"], "scores": {"accuracy": accuracy}}))
