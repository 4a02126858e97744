"""Fine-tuning by a job at a host: the training file, the job, and the model that it leaves there."""
